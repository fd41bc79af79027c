#!lua flags=no-writes,allow-oom
-- fates(row prefix, seq) -> {{name, fate}...}
-- KEYS head, rows
local seq = whole(ARGV[2], 1)
if not seq then return refuse('BAD', 'seq') end
local head = redis.call('HMGET', KEYS[1], 'seq', 'routed')
if seq > tonumber(head[1] or 0) then return {} end

-- Whether the ascending queue holds it, by bisection.
local function queued(key)
  local low, high = 0, redis.call('LLEN', key) - 1
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local ref = tonumber(redis.call('LINDEX', key, middle))
    if ref == seq then return true end
    if ref < seq then low = middle + 1 else high = middle - 1 end
  end
  return false
end

local function retrying(key)
  local cursor = '0'
  repeat
    local page = redis.call('ZSCAN', key, cursor, 'MATCH', ARGV[2] .. ':*', 'COUNT', 1000)
    cursor = page[1]
    if #page[2] > 0 then return true end
  until cursor == '0'
  return false
end

local function dropped(key)
  local member = redis.call('ZRANGE', key, ARGV[2], '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
  local lo, reason = string.match(member or '', '^(%d+):(.*)$')
  return lo and tonumber(lo) <= seq and reason
end

local function fate(key, replay)
  if not replay and seq > tonumber(head[2]) then return 'pending' end
  if queued(key .. ':q') then return 'pending' end
  if retrying(key .. ':retry') then return 'retrying' end
  local parked = redis.call('HGET', key .. ':parked', ARGV[2])
  if parked then return 'parked: ' .. string.match(parked, '^[^:]*:[^:]*:[^:]*:(.*)$') end
  local reason = dropped(key .. ':gone')
  if reason then return 'dropped: ' .. reason end
  return not replay and 'delivered or filtered'
end

local fates = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local row = redis.call('HMGET', ARGV[1] .. name, 'start', 'replay')
  local found = seq > tonumber(row[1]) and fate(ARGV[1] .. name, row[2])
  if found then fates[#fates + 1] = {name, found} end
end
return fates

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

-- The reason when one of the ranges that can reach it (at most SPAN wide) has it in a run that was dropped.
local SPAN = 10000
local function dropped(key)
  for _, member in ipairs(redis.call('ZRANGE', key, ARGV[2], digits(seq + SPAN), 'BYSCORE')) do
    local lo, runs, reason = string.match(member, '^(%d+):([%d,]+):(.*)$')
    local at, take = tonumber(lo), true
    for run in string.gmatch(runs, '%d+') do
      if seq < at then break end
      at = at + tonumber(run)
      if take and seq < at then return reason end
      take = not take
    end
  end
  return false
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

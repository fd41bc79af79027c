#!lua flags=allow-oom
-- expire(name, upto, limit, reason) -> how many references ended as dropped
-- KEYS ready, row, queue, retry, parked, gone
-- Guards: only what is up to `upto`, at most `limit`. The queue ascends, so its part is a run at the head.
--@use row
local upto, limit, reason = whole(ARGV[2]), whole(ARGV[3], 1), ARGV[4]
if not (upto and limit and reason) then return refuse('BAD', 'numbers') end
if redis.call('EXISTS', ROW) == 0 then return 0 end

-- Members of a set or hash of at most `room` references up to `upto`; a scan may name one twice.
local function among(scan, key, step, room)
  local found, seen, cursor = {}, {}, '0'
  repeat
    local page = redis.call(scan, key, cursor, 'COUNT', 500)
    cursor = page[1]
    for i = 1, #page[2], step do
      local member = page[2][i]
      if tonumber(string.match(member, '^%d+')) <= upto and not seen[member] and #found < room then
        seen[member] = true
        found[#found + 1] = member
      end
    end
  until cursor == '0' or #found >= room
  return found
end

local refs, n = redis.call('LRANGE', QUEUE, 0, limit - 1), 0
while refs[n + 1] and tonumber(refs[n + 1]) <= upto do n = n + 1 end
local retries = n < limit and among('ZSCAN', RETRY, 2, limit - n) or {}
local parked = n + #retries < limit and among('HSCAN', PARKED, 2, limit - n - #retries) or {}

if n > 0 then
  redis.call('LPOP', QUEUE, n)
  for i = #refs, n + 1, -1 do refs[i] = nil end
  drop(refs, reason)
end
local others = {}
for _, member in ipairs(retries) do
  redis.call('ZREM', RETRY, member)
  others[#others + 1] = string.match(member, '^%d+')
end
for _, seq in ipairs(parked) do
  redis.call('HDEL', PARKED, seq)
  others[#others + 1] = seq
end
table.sort(others, function(a, b) return tonumber(a) < tonumber(b) end)
if #others > 0 then drop(others, reason) end
if n + #retries > 0 then rescore() end
return n + #others

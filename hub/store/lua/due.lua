#!lua flags=allow-oom
-- due(name, now, n, counts) -> {member...}, a member being seq:attempts:first, with :1 when an operator sent it again;
--   counts is 0 for a look after which nothing is sent yet
-- KEYS ready, row, queue, retry, parked, gone, log
-- Guards: as peek. A blocked row that has nothing due and no queue gives its earliest retry, or its standing clock
-- would keep it from ever being probed.
--@use row
--@use killer
local now, n = whole(ARGV[2]), whole(ARGV[3], 1)
local counts = ARGV[4] == '1'
if not (now and n and (counts or ARGV[4] == '0')) then return refuse('BAD', 'numbers') end
local row = redis.call('HMGET', ROW, 'start', 'paused', 'stood', 'blocked_since', 'probe_at')
if not row[1] or row[2] then return {} end
local clock = clock_at(now, tonumber(row[3] or 0), row[4] and tonumber(row[4]))
local found = redis.call('ZRANGE', RETRY, '-inf', digits(clock), 'BYSCORE', 'LIMIT', 0, n + 1)
if #found == 0 and row[4] and now >= tonumber(row[5]) and redis.call('LLEN', QUEUE) == 0 then
  found = redis.call('ZRANGE', RETRY, 0, 0)
end
if #found == 0 then return found end
local count = looks('retry_tries', found[1])
if counts and count > PARKED_AFTER then -- guard:park
  local seq, attempts = string.match(found[1], '^(%d+):(%d+):') -- guard:park
  park(seq, uid_of(KEYS[7], seq), now, tonumber(attempts) + PARKED_AFTER, KILLER) -- guard:park
  redis.call('ZREM', RETRY, found[1]) -- guard:park
  table.remove(found, 1) -- guard:park
  count = 1 -- guard:park
  rescore() -- guard:park
end -- guard:park
if count > ALONE_AFTER then n = 1 end -- guard:alone
if counts and found[1] then remember('retry_tries', found[1], count) elseif counts then clear_tries() end
while #found > n do table.remove(found) end
return found

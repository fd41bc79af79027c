#!lua flags=allow-oom
-- peek(name, now, n, counts) -> {parked, ref...}; counts is 0 for a look after which nothing is sent yet
-- KEYS ready, row, queue, retry, parked, gone, log
-- Guards: a head that was looked at three times without an outcome comes alone, after six it is parked.
--@use row
--@use killer
local now, n = whole(ARGV[2]), whole(ARGV[3], 1)
local counts = ARGV[4] == '1'
if not (now and n and (counts or ARGV[4] == '0')) then return refuse('BAD', 'numbers') end
local row = redis.call('HMGET', ROW, 'start', 'paused')
if not row[1] or row[2] then return {0} end
local refs = redis.call('LRANGE', QUEUE, 0, n)
if #refs == 0 then return {0} end
local answer, count = {0}, looks('tries', refs[1])
if counts and count > PARKED_AFTER then -- guard:park
  park(refs[1], uid_of(KEYS[7], refs[1]), now, PARKED_AFTER, KILLER) -- guard:park
  redis.call('LPOP', QUEUE) -- guard:park
  table.remove(refs, 1) -- guard:park
  answer[1], count = 1, 1 -- guard:park
end -- guard:park
if count > ALONE_AFTER then n = 1 end -- guard:alone
if counts and refs[1] then remember('tries', refs[1], count) elseif counts then clear_tries() end
if answer[1] == 1 then rescore() end
for i = 1, math.min(n, #refs) do answer[i + 1] = refs[i] end
return answer

#!lua flags=allow-oom
-- unpark(name, now, seq...) -> how many were parked: back into the retry set, due now, with a fresh count
-- KEYS ready, row, queue, retry, parked, gone
-- Guards: each counts only while it is parked (HDEL is the compare-and-set).
--@use row
local now = whole(ARGV[2])
if not now then return refuse('BAD', 'numbers') end
for i = 3, #ARGV do
  if not whole(ARGV[i], 1) then return refuse('BAD', 'seq') end
end
local row = redis.call('HMGET', ROW, 'start', 'stood', 'blocked_since')
if not row[1] then return 0 end
local clock = clock_at(now, tonumber(row[2] or 0), row[3] and tonumber(row[3]))
local counted = 0
for i = 3, #ARGV do
  local there = redis.call('HDEL', PARKED, ARGV[i]) == 1
  if there then -- guard:there
    counted = counted + 1
    wait_again(ARGV[i], 0, clock, clock, UNPARKED)
  end -- guard:there
end
if counted > 0 then rescore() end
return counted

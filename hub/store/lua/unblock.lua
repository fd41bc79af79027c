#!lua flags=allow-oom
-- unblock(name, now) -> 1 when it was blocked
-- KEYS ready, row, queue, retry, parked, gone
--@use row
local now = whole(ARGV[2])
if not now then return refuse('BAD', 'numbers') end
if redis.call('EXISTS', ROW) == 0 then return 0 end
local ended = end_block(now)
clear_tries() -- guard:clear
rescore()
return ended

#!lua flags=allow-oom
-- resume(name, now) -> 1: ends a pause and a block
-- KEYS ready, row, queue, retry, parked, gone
--@use row
local now = whole(ARGV[2])
if not now then return refuse('BAD', 'numbers') end
if redis.call('EXISTS', ROW) == 0 then return refuse('STALE', 'no row') end
redis.call('HDEL', ROW, 'paused')
end_block(now)
clear_tries()
rescore()
return 1

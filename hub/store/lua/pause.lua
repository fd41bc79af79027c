#!lua flags=allow-oom
-- pause(name, now) -> 1
-- KEYS ready, row, queue, retry, parked, gone
-- Guards: a repeated pause keeps its first time; a paused row is never ready.
--@use row
if not whole(ARGV[2]) then return refuse('BAD', 'numbers') end
if redis.call('EXISTS', ROW) == 0 then return refuse('STALE', 'no row') end
redis.call('HSETNX', ROW, 'paused', ARGV[2])
rescore()
return 1

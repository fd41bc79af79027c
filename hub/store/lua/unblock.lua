#!lua flags=allow-oom
-- unblock(name, now) -> 1 when it was blocked, and that was told of
-- KEYS ready, row, queue, retry, parked, gone
--@use row
local now = whole(ARGV[2])
if not now then return refuse('BAD', 'numbers') end
if redis.call('EXISTS', ROW) == 0 then return 0 end
local told = redis.call('HGET', ROW, 'block_told')
end_block(now)
clear_tries() -- guard:clear
rescore()
return told and 1 or 0

#!lua flags=allow-oom
-- block(name, now, probe_at, reason) -> 1 when it was not blocked before
-- KEYS ready, row, queue, retry, parked, gone
-- Guards: the clock stops at the first block, a later one only moves the probe.
--@use row
local now = whole(ARGV[2])
if not (now and whole(ARGV[3])) then return refuse('BAD', 'numbers') end
local row = redis.call('HMGET', ROW, 'start', 'blocked_since')
if not row[1] then return 0 end
local fresh = true
if row[2] then fresh = false end -- guard:since
if fresh then redis.call('HSET', ROW, 'blocked_since', digits(now)) end
redis.call('HSET', ROW, 'blocked', ARGV[4], 'probe_at', ARGV[3])
clear_tries() -- guard:clear
rescore()
return row[2] and 0 or 1

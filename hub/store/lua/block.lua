#!lua flags=allow-oom
-- block(name, now, probe_at, reason, tell_after) -> 1 when it is to be told of now: once a block, when it is sure to
--   last for tell_after (its next probe is that far from its beginning)
-- KEYS ready, row, queue, retry, parked, gone
-- Guards: the clock stops at the first block, a later one only moves the probe.
--@use row
local now = whole(ARGV[2])
local probe_at, tell_after = whole(ARGV[3]), whole(ARGV[5])
if not (now and probe_at and tell_after) then return refuse('BAD', 'numbers') end
local row = redis.call('HMGET', ROW, 'start', 'blocked_since', 'block_told')
if not row[1] then return 0 end
local fresh = true
if row[2] then fresh = false end -- guard:since
if fresh then redis.call('HSET', ROW, 'blocked_since', digits(now)) end
redis.call('HSET', ROW, 'blocked', ARGV[4], 'probe_at', ARGV[3])
clear_tries() -- guard:clear
rescore()
if row[3] or at_least_zero(probe_at - tonumber(row[2] or now)) < tell_after then return 0 end
redis.call('HSET', ROW, 'block_told', 1)
return 1

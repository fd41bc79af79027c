#!lua flags=allow-oom
-- claim(now, limit, lease_ms) -> {stream...}: what is due, earliest first, claimed until now + lease_ms
-- KEYS polls
-- Guards: what one caller claims no other gets before the claim runs out.
local now, limit, lease = whole(ARGV[1]), whole(ARGV[2], 1), whole(ARGV[3], 1)
if not (now and limit and lease) then return refuse('BAD', 'numbers') end
local due = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, limit)
for _, stream in ipairs(due) do redis.call('ZADD', KEYS[1], digits(now + lease), stream) end -- guard:lease
return due

#!lua flags=allow-oom
-- acquire(token, ms) -> 1 when the lease is the token's now
-- KEYS lease
if not whole(ARGV[2], 1) then return refuse('BAD', 'ms') end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end -- guard:holder
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1

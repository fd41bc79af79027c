#!lua flags=allow-oom
-- release(token) -> 1 when it held the lease
-- KEYS lease
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end -- guard:holder
return redis.call('DEL', KEYS[1])

#!lua flags=allow-oom
-- swap(before, after) -> 1 when the document was `before` and is `after` now
-- KEYS document
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end -- guard:before
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1

#!lua flags=allow-oom
-- open(version) -> version of the state that is there
-- KEYS head
-- Guards: an empty partition starts at this version; nothing else is written.
if not whole(ARGV[1], 1) then return refuse('BAD', 'version') end
local version = redis.call('HGET', KEYS[1], 'version')
if version then return version end
if redis.call('EXISTS', KEYS[1]) == 1 then return refuse('BAD', 'head without a version') end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'start', 0, 'seq', 0, 'routed', 0, 'trim', 0, 'gen', 0,
  'bytes', 0, 'trimmed', 0, 'seen', 'a')
return ARGV[1]

#!lua flags=allow-oom
-- hold(until) -> 1: nothing is taken before
-- KEYS bucket
-- Guards: a shorter hold does not end a longer one. The bucket stays until something is taken again.
local ends = whole(ARGV[1])
if not ends then return refuse('BAD', 'numbers') end
if ends > tonumber(redis.call('HGET', KEYS[1], 'hold') or 0) then
  redis.call('HSET', KEYS[1], 'hold', ARGV[1])
  redis.call('PERSIST', KEYS[1])
end
return 1

#!lua flags=no-writes,allow-oom
-- queued(after, n) -> {ref...}: at most n references of an ascending queue that are higher than `after`
-- KEYS queue
local after, n = whole(ARGV[1]), whole(ARGV[2], 1)
if not (after and n) then return refuse('BAD', 'numbers') end
local low, high = 0, redis.call('LLEN', KEYS[1])
while low < high do
  local middle = math.floor((low + high) / 2)
  if tonumber(redis.call('LINDEX', KEYS[1], middle)) <= after then low = middle + 1 else high = middle end
end
return redis.call('LRANGE', KEYS[1], low, low + n - 1)

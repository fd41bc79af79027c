#!lua flags=no-writes,allow-oom
-- oldest() -> lowest seq among a row's retries and parked, 0 when there are none
-- KEYS retry, parked
local CHUNK = 5000
local low = math.huge
for at = 0, redis.call('ZCARD', KEYS[1]) - 1, CHUNK do
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], at, at + CHUNK - 1)) do
    low = math.min(low, tonumber(string.match(member, '^%d+')))
  end
end
for _, seq in ipairs(redis.call('HKEYS', KEYS[2])) do low = math.min(low, tonumber(seq)) end
return low < math.huge and low or 0

#!lua flags=allow-oom
-- take(now, rate per 1000 s, burst in 1/1000, n) -> ms to wait; 0 = taken
-- KEYS bucket
-- Guards: nothing is taken unless it is there; more than the burst is taken from a full bucket, as a debt.
-- A bucket that would be full again is forgotten.
local now, rate, burst, n = whole(ARGV[1]), whole(ARGV[2], 1), whole(ARGV[3], 1), whole(ARGV[4])
if not (now and rate and burst and n) then return refuse('BAD', 'numbers') end
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'hold')
local hold = tonumber(bucket[3] or 0)
if hold > now then return math.ceil(hold - now) end
local tokens = tonumber(bucket[1] or burst)
local passed = at_least_zero(now - tonumber(bucket[2] or now))
tokens = math.min(burst, tokens + passed * rate / 1000)
local wanted = math.min(n * 1000, burst)
if tokens < wanted then return math.ceil((wanted - tokens) * 1000 / rate) end
tokens = tokens - n * 1000
redis.call('HSET', KEYS[1], 'tokens', digits(math.floor(tokens)), 'at', ARGV[1])
redis.call('HDEL', KEYS[1], 'hold')
redis.call('PEXPIRE', KEYS[1], digits(math.ceil((burst - tokens) * 1000 / rate) + 1000))
return 0

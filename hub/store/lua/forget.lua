#!lua flags=allow-oom
-- forget(name, row prefix, gen, digest, deflated routes or '', suffix...) -> 1 when it was there
-- KEYS head, rows, ready, tables
-- Guards: the table without the connector was made from the current gen (STALE); gen is raised, so that a router that
-- still knows the row is refused. Its replays' rows go with it.
if not whole(ARGV[3]) then return refuse('BAD', 'numbers') end
local head = redis.call('HMGET', KEYS[1], 'gen', 'routed')
if head[1] ~= ARGV[3] then return refuse('STALE', 'gen') end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then return 0 end
local own = ARGV[1] .. '@'
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if name == ARGV[1] or string.sub(name, 1, #own) == own then
    for i = 6, #ARGV do redis.call('UNLINK', ARGV[2] .. name .. ARGV[i]) end
    redis.call('SREM', KEYS[2], name)
    redis.call('ZREM', KEYS[3], name)
  end
end
local gen = digits(tonumber(ARGV[3]) + 1)
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[4], gen, digits(tonumber(head[2]) + 1) .. ':' .. ARGV[4] .. ':' .. ARGV[5])
  redis.call('HSET', KEYS[1], 'table', gen)
end
redis.call('HSET', KEYS[1], 'gen', gen) -- guard:gen
return 1

#!lua flags=allow-oom
-- add(name, now, replay) -> 1 when the row is new
-- KEYS head, rows, row
-- Guards: start = routed, and gen is raised, so that a router that does not know the row is refused.
local now = whole(ARGV[2])
if not now or (ARGV[3] ~= '0' and ARGV[3] ~= '1') then return refuse('BAD', 'numbers') end
local head = redis.call('HMGET', KEYS[1], 'version', 'routed')
if head[1] ~= VERSION then return refuse('VERSION', head[1] or 'none') end
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
redis.call('HSET', KEYS[3], 'start', head[2], 'matched', 0, 'delivered', 0, 'dropped', 0, 'added', ARGV[2])
if ARGV[3] == '1' then redis.call('HSET', KEYS[3], 'replay', 1) end
redis.call('SADD', KEYS[2], ARGV[1])
if ARGV[3] == '0' then redis.call('HINCRBY', KEYS[1], 'gen', 1) end -- guard:gen
return 1

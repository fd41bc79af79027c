#!lua flags=allow-oom
-- accept() -> what was lost, '' for nothing
-- KEYS head
-- Guards: what is settled here is no trouble any more but of those who saw what is lost.
local head = redis.call('HMGET', KEYS[1], 'lost', 'runs')
if not head[1] then return '' end
local newest = 0
for n in string.gmatch(head[2] or '', '(%d+):%x+:%d+') do newest = n end
redis.call('HSET', KEYS[1], 'believed', newest) -- guard:believed
redis.call('HDEL', KEYS[1], 'lost')
return head[1]

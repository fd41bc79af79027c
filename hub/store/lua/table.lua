#!lua flags=no-writes,allow-oom
-- table() -> {gen, value or ''}
-- KEYS head, tables
local head = redis.call('HMGET', KEYS[1], 'gen', 'table')
return {head[1] or '0', head[2] and redis.call('HGET', KEYS[2], head[2]) or ''}

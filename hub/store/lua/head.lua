#!lua flags=no-writes,allow-oom
-- head() -> {start, seq, routed, trim, gen, entries, bytes, now, known_from or '', lost or ''}
-- KEYS head, log
local head = redis.call('HMGET', KEYS[1], 'start', 'seq', 'routed', 'trim', 'gen', 'bytes', 'trimmed', 'now', 'known_from', 'lost')
local bytes = tonumber(head[6] or 0) - tonumber(head[7] or 0)
return {head[1], head[2], head[3], head[4], head[5], redis.call('XLEN', KEYS[2]), digits(bytes), head[8] or '', head[9] or '',
  head[10] or ''}

#!lua flags=no-writes,allow-oom
-- books(row prefix) -> {seq, routed, {name, start, matched, delivered, dropped, replay, blocked, queued, retrying,
--   parked, {field, value...} of the row when something was dropped}...}
-- KEYS head, rows
local head = redis.call('HMGET', KEYS[1], 'seq', 'routed')
local books = {head[1] or '0', head[2] or '0'}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local key = ARGV[1] .. name
  local row = redis.call('HMGET', key, 'start', 'matched', 'delivered', 'dropped', 'replay', 'blocked')
  local retry, parked = key .. ':retry', key .. ':parked'
  local trouble = redis.call('EXISTS', retry, parked) > 0 -- one call instead of two for a healthy row
  books[#books + 1] = {name, row[1], row[2], row[3], row[4], row[5] or '', row[6] or '', redis.call('LLEN', key .. ':q'),
    trouble and redis.call('ZCARD', retry) or 0, trouble and redis.call('HLEN', parked) or 0,
    row[4] ~= '0' and redis.call('HGETALL', key) or {}}
end
return books

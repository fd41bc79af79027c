#!lua flags=allow-oom
-- trim(to, step) -> {trim, goal}: moves towards the goal by at most `step` entries
-- KEYS head, log
-- Guards: nothing that the router has not read is forgotten, whatever the caller says.
local to, step = whole(ARGV[1]), whole(ARGV[2], 1)
if not (to and step) then return refuse('BAD', 'numbers') end
local head = redis.call('HMGET', KEYS[1], 'routed', 'trim', 'bytes', 'seq')
local trim = tonumber(head[2])
if to > tonumber(head[4]) then to = tonumber(head[4]) end
if to > tonumber(head[1]) then to = tonumber(head[1]) end -- guard:routed
if to <= trim then return {trim, trim} end
local upto = math.min(to, trim + step)
local first = redis.call('XRANGE', KEYS[2], digits(upto + 1), '+', 'COUNT', 1)[1]
local trimmed = head[3]
for i = 1, first and #first[2] or 0, 2 do
  if first[2][i] == 'c' then trimmed = first[2][i + 1] end
end
redis.call('XTRIM', KEYS[2], 'MINID', digits(upto + 1))
redis.call('HSET', KEYS[1], 'trim', digits(upto), 'trimmed', trimmed)
return {upto, to}

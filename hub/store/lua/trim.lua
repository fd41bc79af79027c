#!lua flags=allow-oom
-- trim(to, step, seen) -> {trim, goal}: moves towards the goal by at most `step` entries
-- KEYS head, log
-- Guards: the log has what the caller saw, up to `seen`, and archived, up to `to` (ROLLED_BACK): else what has these
-- numbers now is not archived. Nothing that the router has not read is forgotten, whatever the caller says.
--@use lost
local to, step, latest = whole(ARGV[1]), whole(ARGV[2], 1), whole(ARGV[3])
if not (to and step and latest) then return refuse('BAD', 'numbers') end
local head = redis.call('HMGET', KEYS[1], 'routed', 'trim', 'bytes', 'seq', 'lost')
local trim, seq, lost = tonumber(head[2]), tonumber(head[4]), head[5]
latest = math.max(latest, to)
if not lost and latest > seq then lost = lose(KEYS[1], seq, latest) end -- guard:behind
if lost then return refuse('ROLLED_BACK', lost) end -- guard:lost
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

#!lua flags=allow-oom
-- route(from, to, gen, seen, {name, n, ref * n}...) -> references pushed
-- KEYS head, ready, {row, queue} of each name
-- Guards: the log has what the caller saw, up to seq `seen` (ROLLED_BACK); the router stands where it thinks (routed) and
-- knows every row and route (gen), else STALE; references are ascending and lie in (from, to]; to is recorded; every row
-- exists and is no replay's.
--@use lost
local HEAD, READY, CHUNK, MOST = KEYS[1], KEYS[2], 1000, 2000
local from, to, latest = whole(ARGV[1]), whole(ARGV[2], 1), whole(ARGV[4])
if not (from and to and whole(ARGV[3]) and latest and from < to) then return refuse('BAD', 'numbers') end
local head = redis.call('HMGET', HEAD, 'version', 'routed', 'gen', 'seq', 'lost')
if head[1] ~= VERSION then return refuse('VERSION', head[1] or 'none') end
local lost = head[5]
if not lost and latest > tonumber(head[4]) then lost = lose(HEAD, tonumber(head[4]), latest) end -- guard:behind
if lost then return refuse('ROLLED_BACK', lost) end -- guard:lost
if head[2] ~= ARGV[1] then return refuse('STALE', 'routed') end -- guard:routed
if head[3] ~= ARGV[3] then return refuse('STALE', 'gen') end -- guard:gen
if to > tonumber(head[4]) then return refuse('BAD', 'to is not recorded') end
local pushes, total, at = {}, 0, 5
for k = 3, #KEYS, 2 do
  local name, n = ARGV[at], whole(ARGV[at + 1], 1)
  if not n or at + 1 + n > #ARGV then return refuse('BAD', 'count') end
  local row = redis.call('HMGET', KEYS[k], 'start', 'replay', 'paused', 'blocked_since', 'probe_at')
  if not row[1] or row[2] then return refuse('BAD', 'no row named ' .. name) end
  local last = from
  for i = at + 2, at + 1 + n do
    local ref = whole(ARGV[i], 1)
    if not ref or ref <= last or ref > to then return refuse('BAD', 'reference') end
    last = ref
  end
  local score = not row[3] and (row[4] and row[5] or '0')
  pushes[#pushes + 1] = {row = KEYS[k], queue = KEYS[k + 1], name = name, first = at + 2, last = at + 1 + n, score = score}
  total, at = total + n, at + 2 + n
end
if at ~= #ARGV + 1 or total > MOST then return refuse('BAD', 'references') end
for _, push in ipairs(pushes) do
  for i = push.first, push.last, CHUNK do
    redis.call('RPUSH', push.queue, unpack(ARGV, i, math.min(i + CHUNK - 1, push.last)))
  end
  redis.call('HINCRBY', push.row, 'matched', push.last - push.first + 1)
  if push.score then redis.call('ZADD', READY, push.score, push.name) end
end
redis.call('HSET', HEAD, 'routed', ARGV[2])
return total

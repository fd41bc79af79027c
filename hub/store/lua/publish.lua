#!lua flags=allow-oom
-- publish(now, digest, deflated routes, name...) -> gen
-- KEYS head, rows, tables, row of each name
-- Guards: a changed text or a new row raises gen, so that a router with an older table is refused; a new row starts at
-- routed. A table under which nothing was routed leaves no trace.
local HEAD, ROWS, TABLES = KEYS[1], KEYS[2], KEYS[3]
local KEPT = 200
local now = whole(ARGV[1])
if not now or #KEYS - 3 ~= #ARGV - 3 then return refuse('BAD', 'numbers') end
local head = redis.call('HMGET', HEAD, 'version', 'gen', 'table', 'routed')
if head[1] ~= VERSION then return refuse('VERSION', head[1] or 'none') end
local gen, changed = tonumber(head[2]), true
local first, digest
if head[3] then
  first, digest = string.match(redis.call('HGET', TABLES, head[3]) or '', '^(%d+):(%x+):')
  changed = digest ~= ARGV[2]
end
local raised = gen
for i = 4, #ARGV do
  if redis.call('HSETNX', KEYS[i], 'start', head[4]) == 1 then
    redis.call('HSET', KEYS[i], 'matched', 0, 'delivered', 0, 'dropped', 0, 'added', ARGV[1])
    redis.call('SADD', ROWS, ARGV[i])
    raised = gen + 1 -- guard:gen_of_row
  end
end
if changed then
  raised = gen + 1 -- guard:gen_of_text
  local from = digits(tonumber(head[4]) + 1)
  if first == from then redis.call('HDEL', TABLES, head[3]) end
  redis.call('HSET', TABLES, digits(raised), from .. ':' .. ARGV[2] .. ':' .. ARGV[3])
  redis.call('HSET', HEAD, 'table', digits(raised))
  local gens = redis.call('HKEYS', TABLES)
  table.sort(gens, function(a, b) return tonumber(a) < tonumber(b) end)
  for i = 1, #gens - KEPT do redis.call('HDEL', TABLES, gens[i]) end
end
if raised > gen then redis.call('HSET', HEAD, 'gen', digits(raised)) end
return raised

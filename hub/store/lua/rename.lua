#!lua flags=allow-oom
-- rename(old, new, row prefix, gen, n of suffixes, suffix..., {gen, table}...) -> 1
-- KEYS head, rows, ready, tables
-- Guards: the tables with the new name were made from the current gen (STALE); new does not exist yet, except as what
-- an earlier call already made of old; gen is raised. The replays' rows are renamed with it. A row's `was` has its
-- former names, the last one first.
local MOST_NAMES = 20
local old, new, prefix, n = ARGV[1], ARGV[2], ARGV[3], whole(ARGV[5], 1)
if not (whole(ARGV[4]) and n and (#ARGV - 5 - n) % 2 == 0) then return refuse('BAD', 'numbers') end
local function there(name) return redis.call('SISMEMBER', KEYS[2], name) == 1 end
if there(new) then
  if not there(old) and string.match(redis.call('HGET', prefix .. new, 'was') or '', '^%S*') == old then return 1 end
  return refuse('BAD', 'there is a row named ' .. new)
end
if not there(old) then return refuse('STALE', 'no row') end
if redis.call('HGET', KEYS[1], 'gen') ~= ARGV[4] then return refuse('STALE', 'gen') end
local moves, own = {{old, new}}, old .. '@'
for _, name in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if string.sub(name, 1, #own) == own then
    local target = new .. string.sub(name, #old + 1)
    if there(target) then return refuse('BAD', 'there is a row named ' .. target) end
    moves[#moves + 1] = {name, target}
  end
end
for _, move in ipairs(moves) do
  for i = 6, 5 + n do
    local from = prefix .. move[1] .. ARGV[i]
    if redis.call('EXISTS', from) == 1 then redis.call('RENAME', from, prefix .. move[2] .. ARGV[i]) end
  end
  redis.call('SREM', KEYS[2], move[1])
  redis.call('SADD', KEYS[2], move[2])
  local score = redis.call('ZSCORE', KEYS[3], move[1])
  redis.call('ZREM', KEYS[3], move[1])
  if score then redis.call('ZADD', KEYS[3], score, move[2]) end
end
local was, names = redis.call('HGET', prefix .. new, 'was') or '', {old}
for name in string.gmatch(was, '%S+') do
  if #names < MOST_NAMES and name ~= old and name ~= new then names[#names + 1] = name end
end
redis.call('HSET', prefix .. new, 'was', table.concat(names, ' '))
for i = 6 + n, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
redis.call('HINCRBY', KEYS[1], 'gen', 1) -- guard:gen
return 1

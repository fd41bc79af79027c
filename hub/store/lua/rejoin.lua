#!lua flags=allow-oom
-- rejoin(number, run, seen) -> {number, run, lost or '', 'mine' when the caller saw what is lost}
-- KEYS head
-- The first call on every connection, with the (number, run) that it gave the last time, and the highest seq that the
-- caller saw. A run is one life of a server process. The head's `runs` is `number:run:seq ...`, seq being where the log
-- stood when the first of us met that run, before anything was recorded in it.
-- Guards: in no run since the caller's the log began below what the caller saw. That is told apart from a log that went
-- back and was filled up again meanwhile, and from what `accept` settled already (`believed`), which is the caller's
-- trouble alone.
--@use lost
local HEAD, MOST = KEYS[1], 16
local number, seen = whole(ARGV[1]), whole(ARGV[3])
if not (number and seen) then return refuse('BAD', 'numbers') end
local head = redis.call('HMGET', HEAD, 'version', 'seq', 'lost', 'runs', 'believed')
if head[1] ~= VERSION then
  if head[1] or seen == 0 then return {number, ARGV[2], '', ''} end
  return {number, ARGV[2], '0:' .. ARGV[3], 'mine'}
end
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
local seq, lost, believed = tonumber(head[2]), head[3], tonumber(head[5] or 0)
local runs, newest, newest_run = {}, 0, ''
for n, name, at in string.gmatch(head[4] or '', '(%d+):(%x+):(%d+)') do
  newest, newest_run = tonumber(n), name
  runs[#runs + 1] = {n = newest, run = name, at = tonumber(at)}
end
if run ~= '' and run ~= newest_run then
  newest, newest_run = newest + 1, run
  runs[#runs + 1] = {n = newest, run = run, at = seq}
  local text = {}
  for i = math.max(1, #runs - MOST + 1), #runs do
    text[#text + 1] = digits(runs[i].n) .. ':' .. runs[i].run .. ':' .. digits(runs[i].at)
  end
  redis.call('HSET', HEAD, 'runs', table.concat(text, ' '))
end
local kept, unsettled = seen, seen
for _, one in ipairs(runs) do
  local since = one.n > number or (one.n == number and one.run ~= ARGV[2])
  if since and one.at < kept then kept = one.at end -- guard:since
  if since and one.n > believed and one.at < unsettled then unsettled = one.at end -- guard:believed
end
if number == newest and ARGV[2] == newest_run then
  if seq < seen then kept, unsettled = seq, seq end -- guard:behind
end
if unsettled < seen and not lost then lost = lose(HEAD, unsettled, seen) end
if kept < seen then return {newest, newest_run, digits(kept) .. ':' .. ARGV[3], 'mine'} end
return {newest, newest_run, lost or '', ''}

#!lua flags=allow-oom
-- retried(name, now, {seq, attempts, first, kind, after, reason, uid, tally or '', mark}...) -> how many counted
-- KEYS ready, row, queue, retry, parked, gone, tally
-- tally: JSON, when the connector is told of this one by number only
-- Guards: each counts only while exactly that member is still in the retry set (ZREM is the compare-and-set).
--@use row
--@use tally
local now = whole(ARGV[2])
if not now or (#ARGV - 2) % 9 ~= 0 then return refuse('BAD', 'numbers') end
local tallies = {}
for i = 3, #ARGV, 9 do
  if not (whole(ARGV[i], 1) and whole(ARGV[i + 1]) and whole(ARGV[i + 2]) and whole(ARGV[i + 4])
      and string.find(ARGV[i + 3], '^[drpkx]$') and (ARGV[i + 8] == '' or ARGV[i + 8] == UNPARKED)) then
    return refuse('BAD', 'reference or outcome')
  end
  if ARGV[i + 7] ~= '' then
    tallies[i] = tally_of(ARGV[i + 7])
    if not tallies[i] or tallies[i].n ~= 1 then return refuse('BAD', 'tally') end
  end
end
local row = redis.call('HMGET', ROW, 'start', 'stood', 'blocked_since')
if not row[1] then return 0 end
local clock = clock_at(now, tonumber(row[2] or 0), row[3] and tonumber(row[3]))
local counted, delivered = 0, 0
for i = 3, #ARGV, 9 do
  local seq, kind, reason, mark = ARGV[i], ARGV[i + 3], ARGV[i + 5], ARGV[i + 8]
  local attempts, first = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local there = redis.call('ZREM', RETRY, seq .. ':' .. ARGV[i + 1] .. ':' .. ARGV[i + 2] .. mark) == 1
  if there then -- guard:there
    counted = counted + 1
    if kind == 'd' then
      delivered = delivered + 1
    elseif kind == 'r' then
      wait_again(seq, attempts + 1, first, clock + tonumber(ARGV[i + 4]), mark)
      redis.call('HSET', ROW, 'trouble', reason)
    elseif kind == 'p' then
      wait_again(seq, attempts, first, clock, mark)
    elseif kind == 'k' then
      park(seq, ARGV[i + 6], now, attempts + 1, reason)
    else
      drop({seq}, reason)
    end
    if tallies[i] then add_tally(tallies[i]) end
  end -- guard:there
end
if delivered > 0 then
  redis.call('HINCRBY', ROW, 'delivered', delivered)
  redis.call('HSET', ROW, 'delivered_at', ARGV[2])
end
if counted > 0 then
  clear_tries() -- guard:clear
  rescore()
end
return counted

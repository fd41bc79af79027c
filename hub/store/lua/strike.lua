#!lua flags=allow-oom
-- strike(name, reason, seq...) -> how many references left the queue as dropped
-- KEYS ready, row, queue, retry, parked, gone
-- Guards: ascending seqs, at most MOST; each counts only where it stands in the queue. The queue ascends, so each is
-- found by bisection between the one before and as many places further as there are seqs between them.
--@use row
local MOST, MARK = 250, 'x'
if #ARGV - 2 > MOST or not ARGV[2] then return refuse('BAD', 'numbers') end
local before = 0
for i = 3, #ARGV do
  local seq = whole(ARGV[i], 1)
  if not seq or seq <= before then return refuse('BAD', 'seq') end
  before = seq
end
if redis.call('EXISTS', ROW) == 0 then return 0 end

local length, low, passed = redis.call('LLEN', QUEUE), 0, nil
local places, struck = {}, {}
for i = 3, #ARGV do
  local seq = tonumber(ARGV[i])
  local high = passed and math.min(length, low + seq - passed) or length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(redis.call('LINDEX', QUEUE, middle)) < seq then low = middle + 1 else high = middle end
  end
  local there = low < length
  if redis.call('LINDEX', QUEUE, low) ~= ARGV[i] then there = false end -- guard:there
  if there then
    places[#places + 1], struck[#struck + 1] = low, ARGV[i]
    low = low + 1
  end
  passed = seq
end
if #places == 0 then return 0 end

for _, place in ipairs(places) do redis.call('LSET', QUEUE, place, MARK) end
local from_the_end = places[1] > length / 2
redis.call('LREM', QUEUE, from_the_end and -#places or #places, MARK)
drop(struck, ARGV[2])
rescore()
return #places

#!lua flags=allow-oom
-- settle(name, now, 'ref,ref,...', kinds, {after, reason, uid} of each that is not delivered..., tally...) -> n
-- KEYS ready, row, queue, retry, parked, gone, tally
-- kinds: one letter a reference: d(elivered) r(etry) p(ostponed) k (parked) x (dropped)
-- tally: JSON, how many of the delivered and dropped ones the connector is told of by their number only
-- Guards: exactly these references stand at the head, in this order (STALE); one outcome each.
--@use row
--@use tally
local now, kinds = whole(ARGV[2]), ARGV[4]
local n = kinds and #kinds or 0
if not now or n == 0 or string.find(kinds, '[^drpkx]') then return refuse('BAD', 'numbers') end
local _, delivered = string.gsub(kinds, 'd', '')
local last = 4 + 3 * (n - delivered)
if #ARGV < last then return refuse('BAD', 'one outcome each') end
for i = 5, last, 3 do
  if not whole(ARGV[i]) then return refuse('BAD', 'after') end
end
local tallies, told = {}, 0
for i = last + 1, #ARGV do
  local tally = tally_of(ARGV[i])
  if not tally then return refuse('BAD', 'one outcome each, then tallies') end
  tallies[#tallies + 1], told = tally, told + tally.n
end
if told > n then return refuse('BAD', 'more tallied than settled') end
local row = redis.call('HMGET', ROW, 'start', 'stood', 'blocked_since')
if not row[1] then return refuse('STALE', 'no row') end
local refs = redis.call('LRANGE', QUEUE, 0, n - 1)
if table.concat(refs, ',') ~= ARGV[3] then return refuse('STALE', 'head') end -- guard:head

redis.call('LPOP', QUEUE, n)
local clock = clock_at(now, tonumber(row[2] or 0), row[3] and tonumber(row[3]))
local at, gone, reasons = 5, {}, {}
for i = 1, n do
  local kind = string.sub(kinds, i, i)
  local after, reason, uid = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if kind == 'r' then
    wait_again(refs[i], 1, clock, clock + tonumber(after))
    redis.call('HSET', ROW, 'trouble', reason)
  elseif kind == 'p' then
    wait_again(refs[i], 0, clock, clock)
  elseif kind == 'k' then
    park(refs[i], uid, now, 1, reason)
  elseif kind == 'x' then
    if not gone[reason] then
      gone[reason] = {}
      reasons[#reasons + 1] = reason
    end
    table.insert(gone[reason], refs[i])
  end
  if kind ~= 'd' then at = at + 3 end
end
for _, reason in ipairs(reasons) do drop(gone[reason], reason) end
if delivered > 0 then
  redis.call('HINCRBY', ROW, 'delivered', delivered)
  redis.call('HSET', ROW, 'delivered_at', ARGV[2])
end
for _, tally in ipairs(tallies) do add_tally(tally) end
clear_tries() -- guard:clear
rescore()
return n

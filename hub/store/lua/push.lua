#!lua flags=allow-oom
-- push(name, now, makes, ref...) -> references appended
-- KEYS ready, row, queue, retry, parked, gone, rows
-- Guards: a replay's row only, made when it is not there, its connector's is, and `makes` is 1 (else STALE: another name?);
-- references that an earlier call already pushed (up to the highest so far) are skipped, so a call whose reply was lost
-- may be sent again.
--@use row
local now, CHUNK, MOST = whole(ARGV[2]), 1000, 2000
if not now or #ARGV - 3 > MOST then return refuse('BAD', 'numbers') end
local row = redis.call('HMGET', ROW, 'start', 'replay', 'pushed')
if row[1] and not row[2] then return refuse('BAD', 'no row of a replay') end
local makes = ARGV[3] == '1' and redis.call('SISMEMBER', KEYS[7], string.match(NAME, '^[^@]*')) == 1
if not (row[1] or makes) then return refuse('STALE', 'no row') end
local pushed, last, first = tonumber(row[3] or 0), 0, nil
for i = 4, #ARGV do
  local ref = whole(ARGV[i], 1)
  if not ref or ref <= last then return refuse('BAD', 'reference') end
  last = ref
  local again = false
  if ref <= pushed then again = true end -- guard:again
  if not (first or again) then first = i end
end
if not row[1] then
  redis.call('HSET', ROW, 'start', 0, 'matched', 0, 'delivered', 0, 'dropped', 0, 'added', ARGV[2], 'replay', 1)
  redis.call('SADD', KEYS[7], NAME)
end
if not first then return 0 end
for i = first, #ARGV, CHUNK do
  redis.call('RPUSH', QUEUE, unpack(ARGV, i, math.min(i + CHUNK - 1, #ARGV)))
end
redis.call('HINCRBY', ROW, 'matched', #ARGV - first + 1)
redis.call('HSET', ROW, 'pushed', ARGV[#ARGV])
rescore()
return #ARGV - first + 1

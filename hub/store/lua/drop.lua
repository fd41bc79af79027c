#!lua flags=allow-oom
-- drop(name, reason, seq...) -> how many were parked and are dropped now
-- KEYS ready, row, queue, retry, parked, gone
-- Guards: each counts only while it is parked (HDEL is the compare-and-set).
--@use row
for i = 3, #ARGV do
  if not whole(ARGV[i], 1) then return refuse('BAD', 'seq') end
end
if redis.call('EXISTS', ROW) == 0 then return 0 end
local dropped = {}
for i = 3, #ARGV do
  local there = redis.call('HDEL', PARKED, ARGV[i]) == 1
  if there then -- guard:there
    dropped[#dropped + 1] = ARGV[i]
  end -- guard:there
end
table.sort(dropped, function(a, b) return tonumber(a) < tonumber(b) end)
if #dropped > 0 then drop(dropped, ARGV[2]) end
return #dropped

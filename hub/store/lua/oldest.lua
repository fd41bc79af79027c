#!lua flags=no-writes,allow-oom
-- oldest() -> lowest seq among a row's retries and parked, 0 when there are none
-- KEYS retry, parked
local low, cursor = 0, '0'
local function lower(seq)
  if low == 0 or seq < low then low = seq end
end
for _, scan in ipairs({{'ZSCAN', KEYS[1]}, {'HSCAN', KEYS[2]}}) do
  repeat
    local page = redis.call(scan[1], scan[2], cursor, 'COUNT', 1000)
    cursor = page[1]
    for i = 1, #page[2], 2 do lower(tonumber(string.match(page[2][i], '^%d+'))) end
  until cursor == '0'
end
return low

#!lua flags=no-writes,allow-oom
-- parked(row prefix, limit[, name]) -> {{name, seq, value}...}, at most limit
-- KEYS rows
local limit = whole(ARGV[2], 1)
if not limit then return refuse('BAD', 'numbers') end
local found, names = {}, ARGV[3] and {ARGV[3]} or redis.call('SMEMBERS', KEYS[1])
table.sort(names)
for _, name in ipairs(names) do
  local cursor, seen = '0', {}
  repeat
    local page = redis.call('HSCAN', ARGV[1] .. name .. ':parked', cursor, 'COUNT', 500)
    cursor = page[1]
    for i = 1, #page[2], 2 do
      if #found < limit and not seen[page[2][i]] then
        seen[page[2][i]] = true
        found[#found + 1] = {name, page[2][i], page[2][i + 1]}
      end
    end
  until cursor == '0' or #found >= limit
end
return found

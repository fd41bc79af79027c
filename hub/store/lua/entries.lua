#!lua flags=no-writes,allow-oom
-- entries(seq...) -> {{id, fields}...}, those that the log still holds
-- KEYS log
local found = {}
for i = 1, #ARGV do
  if not whole(ARGV[i]) then return refuse('BAD', 'seq') end
  local entry = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if entry then found[#found + 1] = entry end
end
return found

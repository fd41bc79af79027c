#!lua flags=allow-oom
-- names(document prefix, name prefix) -> {name...}: documents that are there
-- KEYS documents
-- Guards: a document whose time ran out leaves the index only while it is really gone.
local there = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. name) == 0 then
    redis.call('SREM', KEYS[1], name)
  elseif string.sub(name, 1, #ARGV[2]) == ARGV[2] then
    there[#there + 1] = name
  end
end
return there

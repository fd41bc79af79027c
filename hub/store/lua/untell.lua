#!lua flags=allow-oom
-- untell(name, tenant) -> how many events are not told of any more
-- KEYS ready, row, queue, retry, parked, gone, tally
-- Guards: only what counts a single tenant's events goes; a digest that names several loses that tenant's part of
-- what it is about, and keeps its number.
--@use row
--@use tally
local tenant = ARGV[2]
if not tenant then return refuse('BAD', 'tenant') end
if redis.call('EXISTS', ROW) == 0 then return 0 end

local function concerns(about)
  local ok, said = pcall(cjson.decode, about)
  return ok and type(said) == 'table' and said.tenant == tenant
end

local untold, all = 0, redis.call('HGETALL', TALLY)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'o:' then
    local tally = cjson.decode(all[i + 1])
    if concerns(tally.about) then
      redis.call('HDEL', TALLY, all[i])
      untold = untold + tally.n
    end
  elseif all[i] == 'sealed' then
    local digest, kept = cjson.decode(all[i + 1]), {}
    for _, about in ipairs(digest.about) do
      if not concerns(about) then kept[#kept + 1] = about end
    end
    if #kept == 0 then
      redis.call('HDEL', TALLY, 'sealed')
      untold = untold + digest.n
    elseif #kept < #digest.about then
      digest.about = kept
      redis.call('HSET', TALLY, 'sealed', cjson.encode(digest))
    end
  end
end
if untold == 0 then return 0 end
redis.call('HINCRBY', ROW, 'tallied', digits(-untold))
if redis.call('HEXISTS', TALLY, 'sealed') == 0 then
  local _, following = open_tallies(-1)
  digest_at(following)
end
return untold

#!lua flags=allow-oom
-- seal(name, now) -> the digest to send now, as JSON; '' for none
-- KEYS ready, row, queue, retry, parked, gone, tally
-- Guards: a digest that was sealed stays as it is until `digested` ends it: what is counted later goes into the next.
-- Many storms that are due at once become one digest.
--@use row
--@use tally
local MOST_AT_ONCE, MOST_ABOUT = 5, 5
local now = whole(ARGV[2])
if not now or now >= EXACT then return refuse('BAD', 'numbers') end
local row = redis.call('HMGET', ROW, 'start', 'paused', 'digest_at')
if not row[1] or row[2] or not row[3] or tonumber(row[3]) > now then return '' end
local sealed = redis.call('HGET', TALLY, 'sealed')
if sealed then return sealed end -- guard:sealed
local due, following = open_tallies(now)
if not due[1] then
  digest_at(following)
  return ''
end
local group, chosen = string.match(due[1].key, '^[^:]*'), {}
for _, tally in ipairs(due) do
  if string.match(tally.key, '^[^:]*') == group then chosen[#chosen + 1] = tally end
end
if #chosen <= MOST_AT_ONCE then chosen = {chosen[1]} end
local digest, about = nil, {}
for i, tally in ipairs(chosen) do
  redis.call('HDEL', TALLY, 'o:' .. tally.key)
  if i <= MOST_ABOUT then about[i] = tally.about end
  digest = digest and merge(digest, tally) or tally
end
digest.about, digest.tallies, digest.name, digest.at, digest.attempts = about, #chosen, NAME, now, 0
digest.number = redis.call('HINCRBY', TALLY, 'number', 1)
sealed = cjson.encode(digest)
redis.call('HSET', TALLY, 'sealed', sealed)
digest_at(now)
return sealed

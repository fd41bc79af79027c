#!lua flags=allow-oom
-- digested(name, now, number, kind, after, reason) -> 1 when it counted
-- KEYS ready, row, queue, retry, parked, gone, tally
-- kind: d(elivered), x (refused for good: counted as untold), r(etry in `after` ms)
-- Guards: only the digest of that number, while it is the one on its way.
--@use row
--@use tally
local now, number, after = whole(ARGV[2]), whole(ARGV[3], 1), whole(ARGV[5])
if not (now and number and after) or now + after >= EXACT or not string.find(ARGV[4], '^[dxr]$') then
  return refuse('BAD', 'numbers')
end
local digest = redis.call('HGET', TALLY, 'sealed')
if not digest or redis.call('EXISTS', ROW) == 0 then return 0 end
digest = cjson.decode(digest)
if digest.number ~= number then return 0 end -- guard:number
if ARGV[4] == 'r' then
  digest.attempts = digest.attempts + 1
  redis.call('HSET', TALLY, 'sealed', cjson.encode(digest))
  redis.call('HSET', ROW, 'trouble', ARGV[6])
  digest_at(now + after)
  return 1
end
redis.call('HDEL', TALLY, 'sealed')
redis.call('HINCRBY', ROW, 'tallied', digits(-digest.n))
redis.call('HINCRBY', ROW, ARGV[4] == 'd' and 'told' or 'untold', digits(digest.n))
local due, following = open_tallies(now)
digest_at(due[1] and due[1].due or following)
return 1

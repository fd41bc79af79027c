#!lua
-- record(now, max_entries, max_bytes, dedupe_ms, dedupe_ids, stream, known, expected, next, seen,
--   {uid, header, body}...) -> {seq, '1' or '0' for each event}
-- KEYS head, log, seen:a, seen:b, cur
-- Guards: the log has what the caller saw, up to seq `seen` (ROLLED_BACK); the cursor is the expected one (STALE); an id
-- is recorded once (seen, twice in one call); the log's limits (FULL). The only script without allow-oom. The appends
-- come first: were one refused, nothing would be written.
--@use lost
local HEAD, LOG, CUR = KEYS[1], KEYS[2], KEYS[5]
local FIRST, OVERHEAD = 11, 100
local now, max_entries, max_bytes = whole(ARGV[1]), whole(ARGV[2], 1), whole(ARGV[3], 1)
local dedupe_ms, dedupe_ids, latest = whole(ARGV[4], 1), whole(ARGV[5], 1), whole(ARGV[10])
local n = (#ARGV - FIRST + 1) / 3
if not (now and max_entries and max_bytes and dedupe_ms and dedupe_ids and latest) or n % 1 ~= 0 then
  return refuse('BAD', 'numbers')
end
local head = redis.call('HMGET', HEAD, 'version', 'seq', 'bytes', 'trimmed', 'seen', 'since', 'lost')
if head[1] ~= VERSION then return refuse('VERSION', head[1] or 'none') end
local lost = head[7]
if not lost and latest > tonumber(head[2]) then lost = lose(HEAD, tonumber(head[2]), latest) end -- guard:behind
if lost then return refuse('ROLLED_BACK', lost) end -- guard:lost
local stream = ARGV[6]
if stream ~= '' then
  local expected = ARGV[7] == '1' and ARGV[8]
  if redis.call('HGET', CUR, stream) ~= expected then return refuse('STALE', 'cursor') end -- guard:cursor
end

local uids, flags, added, count, bytes = {}, {}, {}, 0, 0
local current, former = KEYS[3], KEYS[4]
if head[5] == 'b' then current, former = former, current end
for i = 1, n do
  uids[i] = ARGV[FIRST + (i - 1) * 3]
  if #uids[i] ~= 16 then return refuse('BAD', 'uid') end
end
if n > 0 then
  local lately, formerly = redis.call('SMISMEMBER', current, unpack(uids)), redis.call('SMISMEMBER', former, unpack(uids))
  local mine = {}
  for i = 1, n do
    local known = false
    if lately[i] == 1 then known = true end -- guard:seen
    if formerly[i] == 1 then known = true end -- guard:seen_before_rotation
    if mine[uids[i]] then known = true end -- guard:twice_in_one_call
    mine[uids[i]] = true
    flags[i] = known and '0' or '1'
    if not known then
      count = count + 1
      added[count] = uids[i]
      bytes = bytes + #ARGV[FIRST + (i - 1) * 3 + 1] + #ARGV[FIRST + (i - 1) * 3 + 2] + OVERHEAD
    end
  end
end
local seq, total, trimmed = tonumber(head[2]), tonumber(head[3]), tonumber(head[4])
local entries = redis.call('XLEN', LOG)
local full = entries + count > max_entries or total - trimmed + bytes > max_bytes
if count > 0 and entries > 0 and full then return refuse('FULL', digits(entries)) end -- guard:full

for i = 1, n do
  if flags[i] == '1' then
    local header, body = ARGV[FIRST + (i - 1) * 3 + 1], ARGV[FIRST + (i - 1) * 3 + 2]
    seq = seq + 1
    redis.call('XADD', LOG, digits(seq) .. '-0', 'u', uids[i], 'h', header, 'b', body, 'c', digits(total))
    total = total + #header + #body + OVERHEAD
  end
end
if count > 0 then
  local since = tonumber(head[6]) or now
  if now - since >= dedupe_ms or redis.call('SCARD', current) >= dedupe_ids then
    if redis.call('UNLINK', former) == 1 then redis.call('HSET', HEAD, 'known_from', digits(since)) end
    current, since = former, now
    redis.call('HSET', HEAD, 'seen', head[5] == 'b' and 'a' or 'b')
  end
  redis.call('SADD', current, unpack(added))
  redis.call('HSET', HEAD, 'seq', digits(seq), 'bytes', digits(total), 'now', digits(now), 'since', digits(since))
end
if stream ~= '' then redis.call('HSET', CUR, stream, ARGV[9]) end
return {seq, table.concat(flags)}

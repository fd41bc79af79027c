#!lua flags=no-writes,allow-oom
-- rows(row prefix[, name]) -> {{name, queued, head or '', retrying, parked, first retry's score or '', paused, blocked,
--   blocked_since, probe_at, stood, delivered_at, trouble, tallied, told, untold, was, oldest}...}, '' for what is not set
-- KEYS rows
-- oldest: lowest seq among retries and parked; '' when there are too many to look at here (`oldest` does).
local LOOKED_AT = 1000

local function oldest(key, retrying, parked)
  if retrying + parked > LOOKED_AT then return '' end
  local low = 0
  local function lower(seq)
    if low == 0 or seq < low then low = seq end
  end
  for _, member in ipairs(redis.call('ZRANGE', key .. ':retry', 0, -1)) do
    lower(tonumber(string.match(member, '^%d+')))
  end
  for _, seq in ipairs(redis.call('HKEYS', key .. ':parked')) do lower(tonumber(seq)) end
  return low
end

local rows = {}
for _, name in ipairs(ARGV[2] and {ARGV[2]} or redis.call('SMEMBERS', KEYS[1])) do
  local key = ARGV[1] .. name
  if redis.call('EXISTS', key) == 1 then
    local retry = redis.call('ZRANGE', key .. ':retry', 0, 0, 'WITHSCORES')
    local row = {name, redis.call('LLEN', key .. ':q'), redis.call('LINDEX', key .. ':q', 0) or '',
      redis.call('ZCARD', key .. ':retry'), redis.call('HLEN', key .. ':parked'), retry[2] or ''}
    local state = redis.call('HMGET', key, 'paused', 'blocked', 'blocked_since', 'probe_at', 'stood', 'delivered_at', 'trouble',
      'tallied', 'told', 'untold', 'was')
    for i = 1, #state do row[#row + 1] = state[i] or '' end
    row[#row + 1] = oldest(key, row[4], row[5])
    rows[#rows + 1] = row
  end
end
return rows

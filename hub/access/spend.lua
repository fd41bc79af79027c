#!lua flags=allow-oom
-- spend(now, n, window...) -> {taken, now, (remaining, wait, full) for each window}
-- KEYS a hash for each window: left, at
-- ARGV now (ms since the epoch, '' = the server's clock), n, then for each window: kind, limit, period, burst
-- kind 'bucket': refilled steadily, holds limit * burst, counted in 1/period of a request;
-- kind 'window': opens with the first request, lets `limit` pass, closes after the period.
-- `wait` is the ms until n are there, `full` the ms until all of it is.
-- Guards: all windows or none; time that has been counted is not counted again when the clock goes back; a
-- clock that goes back by more than a whole period is believed, and gives nothing for it.
local LARGEST = 9007199254740991
local function whole(text, least)
  if not text or not string.find(text, '^%d+$') then return nil end
  local n = tonumber(text)
  if n > LARGEST or n < least then return nil end
  return n
end
local function digits(n) return string.format('%.0f', n) end

local now, n = whole(ARGV[1], 0), whole(ARGV[2], 1)
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
if not (now and n) or #ARGV ~= 2 + 4 * #KEYS then return redis.error_reply('BAD arguments') end

local windows, taken = {}, 1
for i, key in ipairs(KEYS) do
  local a = 4 * i - 1
  local kind, limit, period, burst = ARGV[a], whole(ARGV[a + 1], 1), whole(ARGV[a + 2], 1), whole(ARGV[a + 3], 1)
  if not (limit and period and burst) then return redis.error_reply('BAD numbers') end
  local bucket = kind == 'bucket'
  local unit, holds = 1, limit
  if bucket then unit, holds = period, limit * burst * period end
  local span = bucket and burst * period or period
  local kept = redis.call('HMGET', key, 'left', 'at')
  local left, at = tonumber(kept[1] or holds), tonumber(kept[2] or now)
  local back = at - now > span
  if back then at = now end
  local passed = math.max(now - at, 0)
  if bucket then
    left = math.min(holds, left + passed * limit)
    at = math.max(at, now)
  elseif passed >= period then
    left, at = holds, now
  end
  left = math.min(left, holds)
  if left < n * unit then taken = 0 end
  windows[i] = {key = key, bucket = bucket, unit = unit, holds = holds, limit = limit, span = span, left = left, at = at, back = back}
end

local reply = {taken, now}
for _, w in ipairs(windows) do
  local lack = math.max(n * w.unit - w.left, 0)
  if taken == 1 then
    w.left = w.left - n * w.unit
  end
  if taken == 1 or w.back then
    redis.call('HSET', w.key, 'left', digits(w.left), 'at', digits(w.at))
    redis.call('PEXPIRE', w.key, digits(w.span + 60000))
  end
  local ahead = math.max(w.at - now, 0)
  local wait, full = 0, 0
  if w.bucket then
    if lack > 0 then wait = ahead + math.ceil(lack / w.limit) end
    if w.left < w.holds then full = ahead + math.ceil((w.holds - w.left) / w.limit) end
  else
    full = w.at + w.span - now
    if lack > 0 then wait = full end
  end
  reply[#reply + 1] = digits(math.floor(w.left / w.unit))
  reply[#reply + 1] = digits(wait)
  reply[#reply + 1] = digits(full)
end
return reply

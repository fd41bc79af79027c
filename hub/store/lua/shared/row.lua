-- Shared by the scripts about one row. KEYS open with ready, row, queue, retry, parked, gone; ARGV with name, now.
local READY, ROW, QUEUE, RETRY, PARKED, GONE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local NAME = ARGV[1]

-- The connector's own clock: wall time less all time spent blocked; it stands while the row is blocked.
local function clock_at(now, stood, blocked_since)
  if blocked_since and blocked_since < now then now = blocked_since end
  return at_least_zero(now - stood)
end

-- The one rule of `ready`. A blocked row without anything to probe with is absent until a reference arrives.
local function rescore()
  local state = redis.call('HMGET', ROW, 'paused', 'blocked_since', 'probe_at', 'stood')
  local waiting = redis.call('LLEN', QUEUE) > 0
  local first = redis.call('ZRANGE', RETRY, 0, 0, 'WITHSCORES')
  if state[1] or not (waiting or first[1]) then
    redis.call('ZREM', READY, NAME)
  elseif state[2] then
    redis.call('ZADD', READY, state[3], NAME)
  elseif waiting then
    redis.call('ZADD', READY, 0, NAME)
  else
    redis.call('ZADD', READY, tonumber(first[2]) + tonumber(state[4] or 0), NAME)
  end
end

local function clear_tries() redis.call('HDEL', ROW, 'tries', 'retry_tries') end

-- Ends a block; the clock goes on from where it stood.
local function end_block(now)
  local state = redis.call('HMGET', ROW, 'blocked_since', 'stood')
  if not state[1] then return 0 end
  local stood = tonumber(state[2] or 0) + at_least_zero(now - tonumber(state[1])) -- guard:stood
  redis.call('HSET', ROW, 'stood', digits(stood))
  redis.call('HDEL', ROW, 'blocked', 'blocked_since', 'probe_at')
  return 1
end

local function park(seq, uid, now, attempts, reason)
  redis.call('HSET', PARKED, seq, digits(attempts) .. ':' .. digits(now) .. ':' .. uid .. ':' .. reason)
end

local function wait_again(seq, attempts, first, due)
  redis.call('ZADD', RETRY, digits(due), seq .. ':' .. digits(attempts) .. ':' .. digits(first))
end

-- Counts `n` references as dropped; [lo, hi] holds no other reference of this row. A run that follows the reference
-- popped just `before` it, dropped for the same reason, lengthens that range, so a mass drop is one range.
local function drop(lo, hi, n, reason, before)
  for _, member in ipairs(before and redis.call('ZRANGE', GONE, before, before, 'BYSCORE') or {}) do
    local from, why = string.match(member, '^(%d+):(.*)$')
    if why == reason then
      redis.call('ZREM', GONE, member)
      lo = from
    end
  end
  redis.call('ZADD', GONE, hi, lo .. ':' .. reason)
  redis.call('HINCRBY', ROW, 'dropped', n)
  redis.call('HINCRBY', ROW, 'd:' .. reason, n)
end

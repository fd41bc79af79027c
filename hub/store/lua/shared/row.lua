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
  local state = redis.call('HMGET', ROW, 'paused', 'blocked_since', 'probe_at', 'stood', 'digest_at')
  local waiting = redis.call('LLEN', QUEUE) > 0
  local first = redis.call('ZRANGE', RETRY, 0, 0, 'WITHSCORES')
  local digest = tonumber(state[5])
  local absent = not (waiting or first[1] or digest)
  if state[1] then absent = true end -- guard:paused
  if absent then
    redis.call('ZREM', READY, NAME)
  elseif state[2] then
    local only = not (waiting or first[1]) and digest or 0
    redis.call('ZADD', READY, math.max(tonumber(state[3]), only), NAME)
  elseif waiting then
    redis.call('ZADD', READY, 0, NAME)
  else
    local retry = first[2] and tonumber(first[2]) + tonumber(state[4] or 0)
    redis.call('ZADD', READY, math.min(retry or digest, digest or retry), NAME)
  end
end

local function clear_tries() redis.call('HDEL', ROW, 'tries', 'retry_tries') end

-- Ends a block; the clock goes on from where it stood.
local function end_block(now)
  local state = redis.call('HMGET', ROW, 'blocked_since', 'stood')
  if not state[1] then return 0 end
  local stood = tonumber(state[2] or 0)
  stood = stood + at_least_zero(now - tonumber(state[1])) -- guard:stood
  redis.call('HSET', ROW, 'stood', digits(stood))
  redis.call('HDEL', ROW, 'blocked', 'blocked_since', 'probe_at', 'block_told')
  return 1
end

local function park(seq, uid, now, attempts, reason)
  redis.call('HSET', PARKED, seq, digits(attempts) .. ':' .. digits(now) .. ':' .. uid .. ':' .. reason)
end

-- `mark`: empty, or UNPARKED for one that an operator sent again.
local UNPARKED = ':1'
local function wait_again(seq, attempts, first, due, mark)
  redis.call('ZADD', RETRY, digits(due), seq .. ':' .. digits(attempts) .. ':' .. digits(first) .. (mark or ''))
end

-- Counts references (ascending) as dropped and keeps their seqs as runs: `lo:take,skip,take,...:reason`, the score
-- being the last one. A range is at most GONE_SPAN wide, so that `fates` knows where to look.
local GONE_SPAN, GONE_CHARS = 10000, 2000
local function drop(seqs, reason)
  local lo, hi, runs = nil, nil, {}
  local function keep()
    if lo then redis.call('ZADD', GONE, digits(hi), digits(lo) .. ':' .. table.concat(runs, ',') .. ':' .. reason) end
  end
  local last = redis.call('ZRANGE', GONE, -1, -1, 'WITHSCORES')
  local from, text, why = string.match(last[1] or '', '^(%d+):([%d,]+):(.*)$')
  if why == reason and tonumber(last[2]) < tonumber(seqs[1]) and #text < GONE_CHARS then
    redis.call('ZREM', GONE, last[1])
    lo, hi = tonumber(from), tonumber(last[2])
    for run in string.gmatch(text, '%d+') do runs[#runs + 1] = tonumber(run) end
  end
  for _, each in ipairs(seqs) do
    local seq = tonumber(each)
    if lo and (seq - lo >= GONE_SPAN or #runs >= GONE_CHARS / 2) then
      keep()
      lo = nil
    end
    if not lo then
      lo, runs = seq, {1}
    elseif seq == hi + 1 then
      runs[#runs] = runs[#runs] + 1
    else
      runs[#runs + 1] = seq - hi - 1
      runs[#runs + 1] = 1
    end
    hi = seq
  end
  keep()
  redis.call('HINCRBY', ROW, 'dropped', #seqs)
  redis.call('HINCRBY', ROW, 'd:' .. reason, #seqs)
end

-- Shared by the scripts about events that a connector is told of by their number only. Stands behind row.lua.
-- KEYS[7] is the row's tally hash: `o:<key>` an open tally, `sealed` the digest on its way, `number` of the last one;
-- all JSON. The row's `digest_at` says from when there is something to seal or to send.
local TALLY = KEYS[7]
local MOST_PARTS, MOST_OPEN, OTHERS, EXACT = 20, 200, 'others', 1e14

-- A whole number that survives the way through JSON.
local function countable(value, least)
  return type(value) == 'number' and value % 1 == 0 and value >= least and value < EXACT
end

-- A tally as a caller gives it; nil when it is none.
local function tally_of(text)
  local ok, tally = pcall(cjson.decode, text)
  if not (ok and type(tally) == 'table' and type(tally.parts) == 'table') then return nil end
  if not (type(tally.key) == 'string' and type(tally.about) == 'string') then return nil end
  if not (countable(tally.n, 1) and countable(tally.severity, 0)) then return nil end
  for _, at in ipairs({'due', 'first', 'last'}) do
    if not countable(tally[at], 0) then return nil end
  end
  for label, n in pairs(tally.parts) do
    if type(label) ~= 'string' or not countable(n, 1) then return nil end
  end
  return tally
end

-- Adds what `from` counts to `into`; beyond MOST_PARTS labels the rest is counted as others.
local function merge(into, from)
  local labels = 0
  for _ in pairs(into.parts) do labels = labels + 1 end
  for label, n in pairs(from.parts) do
    if not into.parts[label] then
      if labels >= MOST_PARTS then label = OTHERS else labels = labels + 1 end
    end
    into.parts[label] = (into.parts[label] or 0) + n
  end
  into.n = into.n + from.n
  into.due, into.first = math.min(into.due, from.due), math.min(into.first, from.first)
  into.last, into.severity = math.max(into.last, from.last), math.max(into.severity, from.severity)
  return into
end

-- Every digest looks at all open tallies: beyond MOST_OPEN of them what is new (`word:name`) is counted with the others
-- of its word, and says no more what it is about.
local function add_tally(tally)
  local field, due = 'o:' .. tally.key, tally.due
  local word = string.match(tally.key, '^[^:]*:')
  if word and redis.call('HEXISTS', TALLY, field) == 0 and redis.call('HLEN', TALLY) >= MOST_OPEN then
    tally.key = word .. OTHERS
    tally.about, field = '{}', 'o:' .. tally.key
  end
  redis.call('HINCRBY', ROW, 'tallied', digits(tally.n))
  local known = redis.call('HGET', TALLY, field)
  if known then tally = merge(cjson.decode(known), tally) end
  redis.call('HSET', TALLY, field, cjson.encode(tally))
  local at = tonumber(redis.call('HGET', ROW, 'digest_at'))
  if not at or (due < at and redis.call('HEXISTS', TALLY, 'sealed') == 0) then
    redis.call('HSET', ROW, 'digest_at', digits(due))
  end
end

-- The open tallies that are due, earliest first, and when the next of the others is.
local function open_tallies(now)
  local due, following, all = {}, nil, redis.call('HGETALL', TALLY)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'o:' then
      local tally = cjson.decode(all[i + 1])
      if tally.due <= now then
        due[#due + 1] = tally
      elseif not following or tally.due < following then
        following = tally.due
      end
    end
  end
  table.sort(due, function(a, b)
    if a.due ~= b.due then return a.due < b.due end
    return a.key < b.key
  end)
  return due, following
end

local function digest_at(at)
  if at then
    redis.call('HSET', ROW, 'digest_at', digits(at))
  else
    redis.call('HDEL', ROW, 'digest_at')
  end
  rescore()
end

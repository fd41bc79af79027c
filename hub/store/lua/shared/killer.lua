-- Shared by peek and due: an event that kills its worker is found out by looks that nothing came of.
local ALONE_AFTER, PARKED_AFTER = 3, 6

-- How often `head` was looked at, this time included.
local function looks(field, head)
  local seen, count = string.match(redis.call('HGET', ROW, field) or '', '^(.*)=(%d+)$')
  return (seen == head and tonumber(count) or 0) + 1
end

local function remember(field, head, count) redis.call('HSET', ROW, field, head .. '=' .. digits(count)) end

-- The uid of a logged event in hexadecimal; empty when the log has it no more.
local function uid_of(log, seq)
  local entry = redis.call('XRANGE', log, seq, seq)[1]
  if not entry then return '' end
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'u' then
      return (string.gsub(entry[2][i + 1], '.', function(c) return string.format('%02x', string.byte(c)) end))
    end
  end
  return ''
end

local KILLER = 'no outcome after ' .. PARKED_AFTER .. ' tries: sending it seems to end the worker'

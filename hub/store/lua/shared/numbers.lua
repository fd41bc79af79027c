-- Shared by every script. Refusals are error replies whose first word the client maps to its own error.
local LARGEST = 9007199254740991

local function refuse(code, why) return redis.error_reply(code .. ' ' .. why) end

-- A whole number in plain digits that a double holds exactly and that is at least `least`; nil otherwise.
local function whole(text, least)
  if not text or not string.find(text, '^%d+$') then return nil end
  local n = tonumber(text)
  if n > LARGEST or n < (least or 0) then return nil end
  return n
end

-- Lua's own conversion loses digits from 1e14 on.
local function digits(n) return string.format('%.0f', n) end

local function at_least_zero(n) return n > 0 and n or 0 end

-- Shared by the scripts that a log whose server lost its end must not pass. The head's `lost` is `kept:seen`: the
-- server went back to event `kept` after a process had seen event `seen`. `accept` ends it.
local function lose(head, kept, seen)
  local lost = digits(kept) .. ':' .. digits(seen)
  redis.call('HSET', head, 'lost', lost)
  return lost
end

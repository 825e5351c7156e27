-- Too many servers of the project were asked for at once (asks.lua): one reinstall at a time, until few of them wait. It holds
-- nobody itself: it lowers the cap.
GATE_KEYS[#GATE_KEYS + 1] = 'asks zset'
BRAKES[#BRAKES + 1] = {
  name = 'storm-asks',
  at = {},
  -- Not where a new command asks: those who wait are fewer only when one of them has gone on.
  before = function(key, ask)
    if not ask.askedAt then end_asks(key, ask.rules) end
  end,
  ask = function(key, ask)
    if asks_are_off(ask.rules) then return nil end
    local entry = switch_entry(key.pauses, 'storm-asks')
    if not entry.on or not asks_go_on(key.waiting, entry, ask.rules) then return nil end
    return { verdict = 'wait', sinceMs = entry.atMs, reason = entry.reason }
  end,
  slots = function(key, ask)
    if asks_are_off(ask.rules) then return nil end
    local entry = switch_entry(key.pauses, 'storm-asks')
    if entry.on then return 1, entry.reason end
    return nil
  end,
}

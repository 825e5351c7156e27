-- The caps of a project and of a group. Who wants to start stands in a line for them, which a brake cannot do that only
-- judges: slots.lua asks them, last of all. Here they say to a dry run how it would stand.
GATE_KEYS[#GATE_KEYS + 1] = 'slots zset'
GATE_KEYS[#GATE_KEYS + 1] = 'groupSlots zset'
GATE_KEYS[#GATE_KEYS + 1] = 'waiters zset'
GATE_KEYS[#GATE_KEYS + 1] = 'line zset'
GATE_KEYS[#GATE_KEYS + 1] = 'groupLine zset'
GATE_KEYS[#GATE_KEYS + 1] = 'lineUntil hash'
GATE_KEYS[#GATE_KEYS + 1] = 'waiting zset'
GATE_KEYS[#GATE_KEYS + 1] = 'dropped counter'
GATE_KEYS[#GATE_KEYS + 1] = 'calls hash'

-- At its place in line; who stands in none is behind everybody who waits.
local function said_by_cap(command, slots, line, cap)
  if redis.call('ZSCORE', slots, command) then return nil end
  local running, ahead = redis.call('ZCARD', slots), redis.call('ZRANK', line, command) or redis.call('ZCARD', line)
  if ahead < cap - running then return nil end
  return { verdict = 'wait', ahead = ahead, cap = cap, running = running }
end

BRAKES[#BRAKES + 1] = {
  name = 'group-cap',
  at = {},
  ask = function(key, ask)
    local cap = ask.rules.maxRunningPerGroup
    if not ask.group or cap == 0 then return nil end
    return said_by_cap(ask.command, key.groupSlots, key.groupLine, cap)
  end,
}
BRAKES[#BRAKES + 1] = {
  name = 'cap',
  at = {},
  ask = function(key, ask)
    local cap, by, why = effective_cap(key, ask, ask.rules.maxRunning)
    local said = said_by_cap(ask.command, key.slots, key.line, cap)
    if said then said.loweredBy, said.because = by, why end
    return said
  end,
}

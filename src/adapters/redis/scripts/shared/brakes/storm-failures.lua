-- Too many reinstalls of the project failed (storm.lua). After the cooldown one command goes as the probe: the first that
-- asks, wherever it asks.
GATE_KEYS[#GATE_KEYS + 1] = 'storm hash'

-- A probe that has ended, or is forgotten, holds nobody. In a memory that is young its message may not have put its record
-- back yet.
local function standing_probe(storm_key, probe)
  if not probe or probe == '' then return nil end
  local prefix = string.match(storm_key, '^(.*:)storm$')
  local record = redis.call('TYPE', prefix .. 'cmd:' .. probe).ok == 'hash' and fields(prefix .. 'cmd:' .. probe, 'content', 'outcome')
  if record and record.content then return not record.outcome and probe or nil end
  return is_young(prefix) and probe or nil
end

BRAKES[#BRAKES + 1] = {
  name = 'storm-failures',
  at = { admission = true, stop = true, intent = true },
  ask = function(key, ask)
    if storm_is_off(ask.rules) then return nil end
    local entry = switch_entry(key.pauses, 'storm-failures')
    if not entry.on then return nil end
    local state = storm_state(key.storm)
    local probe = standing_probe(key.storm, state.probe)
    if probe == ask.command then return nil end
    local over = math.max(entry.atMs, state.closed_at or 0) + (state.cooldown or ask.rules.stormCooldownMs)
    if now_ms() >= over and not probe then return nil end
    local held = { verdict = 'wait', sinceMs = entry.atMs, reason = entry.reason, probe = probe }
    if now_ms() < over then held.untilMs = over end
    return held
  end,
  passed = function(key, ask)
    if storm_is_off(ask.rules) then return end
    if not switch_entry(key.pauses, 'storm-failures').on then return end
    local state = storm_state(key.storm)
    if state.probe ~= ask.command then put_storm(key.storm, state, { probe = ask.command }) end
  end,
  slots = function(key, ask)
    if storm_is_off(ask.rules) then return nil end
    local entry = switch_entry(key.pauses, 'storm-failures')
    if entry.on then return 1 end
    local state = storm_state(key.storm)
    if state.level and state.level_at == entry.atMs then return state.level end
    return nil
  end,
}

-- A server rests after its last reinstall that reached the cloud. Exempt is who waits, because its order says so, for the
-- command that made that reinstall: `behind` in its record names the command that it found first.
GATE_KEYS[#GATE_KEYS + 1] = 'history hash'
BRAKES[#BRAKES + 1] = {
  name = 'cooldown',
  at = { admission = true },
  before = function(key, ask)
    if not ask.waits then return end
    local owner = redis.call('HGET', key.lock, 'owner')
    if owner and owner ~= ask.command then redis.call('HSETNX', key.cmd, 'behind', owner) end
  end,
  ask = function(key, ask)
    if ask.rules.cooldownMs == 0 then return nil end
    local last = nil
    for _, entry in ipairs(history_of(key.history)) do
      if entry.ended and (not last or entry.ended > last.ended) then last = entry end
    end
    if not last or now_ms() >= last.ended + ask.rules.cooldownMs then return nil end
    if ask.waits and redis.call('HGET', key.cmd, 'behind') == last.command then return nil end
    return { verdict = 'wait', untilMs = last.ended + ask.rules.cooldownMs, command = last.command, endedMs = last.ended }
  end,
}

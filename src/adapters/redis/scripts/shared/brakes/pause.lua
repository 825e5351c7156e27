-- `pauses` holds the project's pauses: scope -> { on, atMs, by, reason }. `paused` is how versions before 0.2 pause a
-- project: its text is the reason.
GATE_KEYS[#GATE_KEYS + 1] = 'pauses hash'
GATE_KEYS[#GATE_KEYS + 1] = 'paused string'
BRAKES[#BRAKES + 1] = {
  name = 'pause',
  at = { admission = true, stop = true, intent = true },
  ask = function(key, ask)
    if ask.rules.pausedByConfiguration then return { verdict = 'wait', scope = 'configuration' } end
    local scopes = { 'everything', 'project', 'server:' .. ask.server }
    if ask.group then scopes[#scopes + 1] = 'group:' .. ask.group end
    local entries = redis.call('HMGET', key.pauses, unpack(scopes))
    for index, scope in ipairs(scopes) do
      local entry = entries[index] and pause_entry(entries[index])
      if entry and entry.on then
        return { verdict = 'wait', scope = scope, sinceMs = entry.atMs, by = entry.by, reason = entry.reason }
      end
    end
    local reason = redis.call('GET', key.paused)
    if reason then return { verdict = 'wait', scope = 'project', reason = reason } end
    return nil
  end,
}

-- A server that was reinstalled too often in a sliding window. `released:<server>` of the hash of switches: a person says
-- that what was before does not count.
BRAKES[#BRAKES + 1] = {
  name = 'quarantine',
  at = { admission = true },
  ask = function(key, ask)
    local limit = ask.rules.serverLimit
    if limit == 0 then return nil end
    local since = now_ms() - ask.rules.serverWindowMs
    local released = redis.call('HGET', key.pauses, 'released:' .. ask.server)
    if released then since = math.max(since, pause_entry(released).atMs) end
    local counted = {}
    for _, entry in ipairs(history_of(key.history)) do
      if entry.at > since then
        counted[#counted + 1] = { command = entry.command, atMs = entry.at, source = entry.source, reason = entry.reason,
          outcome = entry.outcome }
      end
    end
    if #counted < limit then return nil end
    return { verdict = 'no', limit = limit, windowMs = ask.rules.serverWindowMs, reinstalls = counted }
  end,
}

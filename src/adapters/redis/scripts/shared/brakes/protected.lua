-- `protected:<server>` of the hash of switches: a person keeps the server from any reinstall.
BRAKES[#BRAKES + 1] = {
  name = 'protected',
  at = { admission = true, stop = true, intent = true },
  ask = function(key, ask)
    for _, server in ipairs(ask.rules.protected) do
      if server == ask.server then return { verdict = 'no', scope = 'configuration' } end
    end
    local text = redis.call('HGET', key.pauses, 'protected:' .. ask.server)
    local entry = text and pause_entry(text)
    if not entry or not entry.on then return nil end
    return { verdict = 'no', scope = 'operator', sinceMs = entry.atMs, by = entry.by, reason = entry.reason }
  end,
}

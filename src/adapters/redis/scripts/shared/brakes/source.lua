-- So many commands of one source may start within an hour (starts.lua). Those without a source are one source together.
GATE_KEYS[#GATE_KEYS + 1] = 'sourceStarts zset'
BRAKES[#BRAKES + 1] = {
  name = 'source',
  at = { admission = true },
  ask = function(key, ask)
    local limit = ask.rules.perSourcePerHour
    if limit == 0 then return nil end
    local at = next_start(key.sourceStarts, ask.command, limit)
    return at and { verdict = 'wait', untilMs = at, limit = limit, source = ask.source } or nil
  end,
  started = function(key, ask)
    if ask.rules.perSourcePerHour > 0 then note_start(key.sourceStarts, ask.command) end
  end,
}

-- So many commands of one broker user may start within an hour (starts.lua). What it may ask for at all is judged before, when its
-- message is read.
GATE_KEYS[#GATE_KEYS + 1] = 'senderStarts zset'
BRAKES[#BRAKES + 1] = {
  name = 'sender',
  at = { admission = true },
  ask = function(key, ask)
    local limit = ask.senderPerHour
    if limit == 0 then return nil end
    local at = next_start(key.senderStarts, ask.command, limit)
    return at and { verdict = 'wait', untilMs = at, limit = limit, sender = ask.sender } or nil
  end,
  started = function(key, ask)
    if ask.senderPerHour > 0 then note_start(key.senderStarts, ask.command) end
  end,
}

-- Pauses one scope of a project, or lifts that pause, or a storm (which sets itself again at the earliest after forMs). The newest
-- entry of a scope counts, so its time never goes back; a lifted pause stays as an entry, for the workers that still remember
-- it as standing.
local key, arg, foreign = called('pauses hash', 'paused string', 'audit list')
if foreign then return foreign end
local text = redis.call('HGET', key.pauses, arg.scope)
local before = text and pause_entry(text) or nil
local old_pause = arg.scope == 'project' and redis.call('EXISTS', key.paused) == 1
local seen = { wasOn = old_pause or (before ~= nil and before.on), at = math.max(now_ms(), before and before.atMs + 1 or 0) }
local act = note_act(key.audit, arg.act, seen)
-- Of a second run: what the first one saw.
seen = act.answer
if not before or before.unreadable or before.atMs < seen.at then
  local entry = { on = arg.on, atMs = seen.at, by = arg.act.by, reason = arg.act.reason,
    untilMs = arg.forMs and seen.at + arg.forMs or nil }
  put(key.pauses, { [arg.scope] = cjson.encode(entry) })
end
if old_pause and not arg.on then redis.call('DEL', key.paused) end
return reply({ kind = 'set', atMs = seen.at, wasOn = seen.wasOn })

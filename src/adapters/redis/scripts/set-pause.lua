-- Pauses one scope of a project, or lifts that pause. The newest entry of a scope counts, so its time never goes back;
-- a lifted pause stays as an entry, for the workers that still remember it as standing.
local key, arg, foreign = called('pauses hash', 'paused string')
if foreign then return foreign end
local text = redis.call('HGET', key.pauses, arg.scope)
local before = text and pause_entry(text) or nil
local old_pause = arg.scope == 'project' and redis.call('EXISTS', key.paused) == 1
local was_on = old_pause or (before ~= nil and before.on)
local at = math.max(now_ms(), before and before.atMs + 1 or 0)
local entry = { on = arg.on, atMs = at, by = arg.by, reason = arg.reason }
put(key.pauses, { [arg.scope] = cjson.encode(entry) })
if old_pause and not arg.on then redis.call('DEL', key.paused) end
return reply({ kind = 'set', atMs = at, wasOn = was_on })

-- Pauses one scope of a project, or lifts that pause. The newest entry of a scope counts, so its time never goes back;
-- a lifted pause stays as an entry, for the workers that still remember it as standing.
-- KEYS pauses paused
-- ARGV scope on by reason
local pauses, paused = unpack(KEYS)
local scope, on, by, reason = unpack(ARGV)
if wrong_type(pauses, 'hash') then return corrupt(pauses, 'is not a hash') end
if wrong_type(paused, 'string') then return corrupt(paused, 'is not a string') end
local text = redis.call('HGET', pauses, scope)
local before = text and pause_entry(text) or nil
local old_pause = scope == 'project' and redis.call('EXISTS', paused) == 1
local was_on = old_pause or (before ~= nil and before.on)
local at = math.max(now_ms(), before and before.atMs + 1 or 0)
local entry = { on = on == '1', atMs = at, by = by, reason = reason }
redis.call('HSET', pauses, scope, cjson.encode(entry))
if old_pause and on == '0' then redis.call('DEL', paused) end
return reply({ kind = 'set', atMs = at, wasOn = was_on })

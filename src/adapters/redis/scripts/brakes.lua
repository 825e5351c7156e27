-- One stored pause of a scope.
local function pause_entry(text)
  local readable, entry = pcall(cjson.decode, text)
  -- Nobody can tell what was meant: nothing starts until a person sets or lifts it again.
  if not readable or type(entry) ~= 'table' or type(entry.atMs) ~= 'number' then
    return { on = true, atMs = 0, by = 'unknown', reason = 'its entry cannot be read', unreadable = true }
  end
  return entry
end

-- The one gate: every brake that the store can judge, asked before anything is done to a server. The loader puts this
-- after the prelude. A brake is added here, and to src/core/gate.ts, which says what becomes of a command that is held.
--
-- `pauses_key` holds the project's pauses: scope -> { on, atMs, by, reason }. `paused_key` is how versions before 0.2
-- pause a project: its text is the reason. `ask` is what is asked for: { server, group?, pausedByConfiguration }.
-- Answers nil when nothing holds the command, else the brake that does, with what a person wants to know of it.
local function brakes(pauses_key, paused_key, ask)
  if ask.pausedByConfiguration then return { brake = 'pause', scope = 'configuration' } end
  local scopes = { 'everything', 'project', 'server:' .. ask.server }
  if ask.group then scopes[#scopes + 1] = 'group:' .. ask.group end
  local entries = redis.call('HMGET', pauses_key, unpack(scopes))
  for index, scope in ipairs(scopes) do
    local entry = entries[index] and pause_entry(entries[index])
    if entry and entry.on then
      return { brake = 'pause', scope = scope, sinceMs = entry.atMs, by = entry.by, reason = entry.reason }
    end
  end
  local reason = redis.call('GET', paused_key)
  if reason then return { brake = 'pause', scope = 'project', reason = reason } end
  return nil
end

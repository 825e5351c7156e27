-- A storm of failures: one count for a project. `storm` holds
--   ends      the last ends that count, as JSON: { c = command, f = failed, at, k = cause }, the oldest first
--   cooldown  how long nothing starts after the last failure, ms; closed_at: since when
--   probe     the one command that may go on
--   level     so many slots are open again since level_at; level_by: the command that doubled it last
-- Whether the storm stands is an entry of the hash of switches, `storm-failures`, so that workers keep it.
local STORM_ENDS_MOST = 20
local STORM_MEMORY_MS = 86400000
local STORM_COOLDOWN_MOST_MS = 7200000

local function storm_state(storm_key)
  local state = fields(storm_key, 'ends', 'cooldown', 'closed_at', 'probe', 'level', 'level_at', 'level_by')
  local readable, ends = pcall(cjson.decode, state.ends or '[]')
  state.ends = readable and type(ends) == 'table' and ends or {}
  for _, name in ipairs({ 'cooldown', 'closed_at', 'level', 'level_at' }) do state[name] = tonumber(state[name] or '') end
  return state
end

-- Sets or lifts a storm, by the name of its switch. `before`: its entry until now; `entry`: { on, reason, ... }. Answers since when.
local function set_storm(pauses_key, name, before, entry)
  entry.atMs, entry.by = math.max(now_ms(), before.atMs + 1), 'worker'
  put(pauses_key, { [name] = cjson.encode(entry) })
  return entry.atMs
end

local function storm_is_off(rules)
  return rules.stormSame == 0 and rules.stormShare == 0
end

-- After a probe, or the first command of an opening, that failed.
local function doubled_cooldown(state, rules)
  return math.min(STORM_COOLDOWN_MOST_MS, 2 * (state.cooldown or rules.stormCooldownMs))
end

-- Ends since the storm was last over, within a day.
local function storm_counted(state, entry)
  local counted, since = {}, math.max(now_ms() - STORM_MEMORY_MS, entry.on and 0 or entry.atMs)
  for _, one in ipairs(state.ends) do
    if one.at > since then counted[#counted + 1] = one end
  end
  return counted
end

-- Why a storm begins; nil: none does.
local function storm_reason(counted, rules)
  local row, failed, causes, most = 0, 0, {}, nil
  for index = #counted, 1, -1 do
    local one = counted[index]
    if one.f then
      failed = failed + 1
      if row == #counted - index then row = row + 1 end
      causes[one.k] = (causes[one.k] or 0) + 1
      if not most or causes[one.k] > causes[most] or (causes[one.k] == causes[most] and one.k < most) then most = one.k end
    end
  end
  if rules.stormSame > 0 and row >= rules.stormSame then
    return string.format('%d reinstalls in a row failed, most often: %s', row, most)
  end
  if rules.stormShare > 0 and #counted >= 10 and failed >= rules.stormShare * #counted then
    return string.format('%d of the last %d reinstalls failed, most often: %s', failed, #counted, most)
  end
  return nil
end

-- A command has ended, or (`waits`) goes back to waiting. `change`: { rules, result = 'success', 'failure' or 'nothing',
-- cause, intended = when its intent was recorded, waits }. May be done twice.
local function carry_storm(keys, command, change)
  local rules = change.rules
  if storm_is_off(rules) then return end
  local state, entry = storm_state(keys.storm), switch_entry(keys.pauses, 'storm-failures')
  local result = change.intended and change.result or 'nothing'
  local opened = command .. ' succeeded'
  if state.probe == command and (entry.on or (entry.by == 'worker' and entry.reason == opened)) then
    if result == 'success' then
      local at = entry.on and set_storm(keys.pauses, 'storm-failures', entry, { on = false, reason = opened }) or entry.atMs
      put(keys.storm, { level = 1, level_at = at, level_by = command, probe = '' })
    elseif result == 'failure' then
      put(keys.storm, { cooldown = doubled_cooldown(state, rules), closed_at = now_ms(), probe = '' })
    else
      -- It proves nothing: the next one that asks goes.
      put(keys.storm, { probe = '' })
    end
    return
  end
  -- A person has lifted the storm meanwhile: it is a command like any other.
  if state.probe == command then put(keys.storm, { probe = '' }) end
  if result == 'nothing' or entry.on or change.intended <= entry.atMs then return end
  local known = false
  for _, one in ipairs(state.ends) do known = known or one.c == command end
  if not known then
    state.ends[#state.ends + 1] = { c = command, f = result == 'failure', at = now_ms(), k = change.cause }
    while #state.ends > STORM_ENDS_MOST do table.remove(state.ends, 1) end
    put(keys.storm, { ends = cjson.encode(state.ends) })
    redis.call('PEXPIRE', keys.storm, digits(7 * STORM_MEMORY_MS))
  end
  local opening = state.level and state.level_at == entry.atMs
  if result == 'success' then
    if not opening or state.level_by == command then return end
    if 2 * state.level >= rules.stormOpenAt then redis.call('HDEL', keys.storm, 'level', 'level_at', 'level_by', 'cooldown')
    else put(keys.storm, { level = 2 * state.level, level_by = command }) end
    return
  end
  local reason = opening and 'a reinstall failed again: ' .. change.cause or storm_reason(storm_counted(state, entry), rules)
  if not reason then return end
  local cooldown = opening and doubled_cooldown(state, rules) or rules.stormCooldownMs
  put(keys.storm, { cooldown = cooldown, closed_at = now_ms(), probe = '' })
  set_storm(keys.pauses, 'storm-failures', entry, { on = true, reason = reason })
end

-- A storm of failures: one count for a project. `storm` holds
--   ends      the last ends that count, as JSON: { c = command, f = failed, at, k = cause }, the oldest first
--   cooldown  how long nothing starts after the last failure, ms; closed_at: since when
--   probe     the one command that may go on
--   level     so many slots are open again since level_at; level_by: the command that doubled it last
--   changed   when cooldown or level changed last; probe_at: when the probe did. Neither goes back
-- Whether the storm stands is an entry of the hash of switches, `storm-failures`. Workers remember that entry, and with it what
-- the storm is at (storm_progress): all of the above but `ends`.
local STORM_ENDS_MOST = 20
local STORM_MEMORY_MS = 86400000
-- As long as the entry of a storm that is over: what workers put back must not seem to be lost before.
local STORM_KEPT_MS = 30 * 86400000
local STORM_COOLDOWN_MOST_MS = 7200000

local function storm_state(storm_key)
  local state = fields(storm_key, 'ends', 'cooldown', 'closed_at', 'probe', 'level', 'level_at', 'level_by', 'changed', 'probe_at')
  local readable, ends = pcall(cjson.decode, state.ends or '[]')
  state.ends = readable and type(ends) == 'table' and ends or {}
  for _, name in ipairs({ 'cooldown', 'closed_at', 'level', 'level_at', 'changed', 'probe_at' }) do
    state[name] = tonumber(state[name] or '')
  end
  return state
end

-- Writes what has changed in a storm, and when. '' takes a field away, in the same command. One script may write twice: its
-- `state` knows when it did.
local function put_storm(storm_key, state, change)
  local now = now_ms()
  if change.cooldown or change.level then
    change.changed = math.max(now, (state.changed or 0) + 1)
    state.changed = change.changed
  end
  if change.probe then
    change.probe_at = math.max(now, (state.probe_at or 0) + 1)
    state.probe_at = change.probe_at
  end
  redis.call('PEXPIRE', storm_key, digits(STORM_KEPT_MS))
  put(storm_key, change)
end

-- How old what is stored of a storm and of its probe is: -1, nothing is; 0, a version wrote it that did not say when.
local function storm_ages(state)
  return state.changed or (state.cooldown or state.closed_at or state.level) and 0 or -1, state.probe_at or state.probe and 0 or -1
end

-- What a storm is at, for the workers that remember its entry, which is of `at_ms`. Nil: nothing is known.
local function storm_progress(storm_key, at_ms)
  local state = storm_state(storm_key)
  local changed, probe_at = storm_ages(state)
  if changed < 0 and probe_at < 0 then return nil end
  local opening = state.level and state.level_at == at_ms
  return { changedMs = changed, probeAtMs = probe_at, cooldownMs = state.cooldown, closedAtMs = state.closed_at,
    probe = state.probe ~= '' and state.probe or nil, level = opening and state.level or nil,
    levelBy = opening and state.level_by or nil }
end

-- Puts back what a worker remembers of a storm whose entry is of `at_ms`: the newer of it and what is stored stays, of the
-- probe by itself, for a gate may have taken one since. Answers whether anything was lost.
local function put_back_storm(storm_key, progress, at_ms)
  local changed, probe_at = storm_ages(storm_state(storm_key))
  local back = {}
  if changed < progress.changedMs then
    back.changed, back.cooldown, back.closed_at = progress.changedMs, progress.cooldownMs or '', progress.closedAtMs or ''
    back.level, back.level_at, back.level_by = progress.level or '', progress.level and at_ms or '', progress.levelBy or ''
  end
  if probe_at < progress.probeAtMs then back.probe, back.probe_at = progress.probe or '', progress.probeAtMs end
  if not next(back) then return false end
  put(storm_key, back)
  return true
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
      put_storm(keys.storm, state, { level = 1, level_at = at, level_by = command, probe = '' })
    elseif result == 'failure' then
      put_storm(keys.storm, state, { cooldown = doubled_cooldown(state, rules), closed_at = now_ms(), probe = '' })
    else
      -- It proves nothing: the next one that asks goes.
      put_storm(keys.storm, state, { probe = '' })
    end
    return
  end
  -- A person has lifted the storm meanwhile: it is a command like any other.
  if state.probe == command then put_storm(keys.storm, state, { probe = '' }) end
  if result == 'nothing' or entry.on or change.intended <= entry.atMs then return end
  local known = false
  for _, one in ipairs(state.ends) do known = known or one.c == command end
  if not known then
    state.ends[#state.ends + 1] = { c = command, f = result == 'failure', at = now_ms(), k = change.cause }
    while #state.ends > STORM_ENDS_MOST do table.remove(state.ends, 1) end
    put(keys.storm, { ends = cjson.encode(state.ends) })
    redis.call('PEXPIRE', keys.storm, digits(STORM_KEPT_MS))
  end
  local opening = state.level and state.level_at == entry.atMs
  if result == 'success' then
    if not opening or state.level_by == command then return end
    if 2 * state.level >= rules.stormOpenAt then
      put_storm(keys.storm, state, { level = '', level_at = '', level_by = '', cooldown = '' })
    else put_storm(keys.storm, state, { level = 2 * state.level, level_by = command }) end
    return
  end
  local reason = opening and 'a reinstall failed again: ' .. change.cause or storm_reason(storm_counted(state, entry), rules)
  if not reason then return end
  local cooldown = opening and doubled_cooldown(state, rules) or rules.stormCooldownMs
  put_storm(keys.storm, state, { cooldown = cooldown, closed_at = now_ms(), probe = '' })
  set_storm(keys.pauses, 'storm-failures', entry, { on = true, reason = reason })
end

-- A storm of asks: too many different servers of a project are asked for within a short time.
--   asks     servers, by when each was last asked for: as its message says, so that a backlog is no storm
--   waiting  every command that waits, by its first arrival (line.lua)
-- Whether the storm stands is an entry of the hash of switches, `storm-asks`, so that workers keep it. Beside what every
-- entry has: sinceMs, the first ask of the storm; untilMs, of one that a person lifted: until then none begins.
-- `asks_since` of the hash `storm` says which entry `asks` was begun after: what was before that does not count.
local ASKS_MOST = 2000
local ASKS_TTL_MS = 86400000

local function asks_are_off(rules)
  return (rules.stormAsks or 0) == 0
end

-- Does the storm go on? For as long as the window in which so many asks make one, for there may be more to come: where the
-- cap is large, most of those that began it do not wait. And then while so many of the commands that it brought wait: at
-- least half its limit.
local function asks_go_on(waiting_key, entry, rules)
  if now_ms() < entry.atMs + rules.stormAsksWindowMs then return true end
  local enough = math.ceil(rules.stormAsks / 2)
  local since = digits(entry.sinceMs or entry.atMs)
  return #redis.call('ZRANGEBYSCORE', waiting_key, since, '+inf', 'LIMIT', 0, enough) >= enough
end

-- Ends a storm that is over. Not in a memory that is young: those who wait are not all back yet.
local function end_asks(keys, rules)
  if asks_are_off(rules) then return end
  local entry = switch_entry(keys.pauses, 'storm-asks')
  if not entry.on or asks_go_on(keys.waiting, entry, rules) then return end
  if is_young(string.match(keys.pauses, '^(.*:)pauses$')) then return end
  set_storm(keys.pauses, 'storm-asks', entry, { on = false, reason = 'few of its commands still wait' })
end

-- The first ask of a window that holds `limit` of these servers; nil: no window does. `near` as ZRANGEBYSCORE answers, the
-- oldest first.
local function first_of_many(near, limit, window_ms)
  for index = 1, #near / 2 - limit + 1 do
    local first, last = tonumber(near[2 * index]), tonumber(near[2 * (index + limit - 1)])
    if last - first < window_ms then return first end
  end
  return nil
end

-- A new command asks for a server. May be done twice.
local function note_ask(key, ask)
  if not ask.askedAt or asks_are_off(ask.rules) then return end
  local limit, window = ask.rules.stormAsks, ask.rules.stormAsksWindowMs
  local entry, at = switch_entry(key.pauses, 'storm-asks'), ask.askedAt
  if entry.on or now_ms() < (entry.untilMs or 0) then return end
  if tonumber(redis.call('HGET', key.storm, 'asks_since') or '0') ~= entry.atMs then
    redis.call('DEL', key.asks)
    put(key.storm, { asks_since = entry.atMs })
  end
  local known = tonumber(redis.call('ZSCORE', key.asks, ask.server) or '')
  if not known or known < at then redis.call('ZADD', key.asks, digits(at), ask.server) end
  redis.call('PEXPIRE', key.asks, digits(ASKS_TTL_MS + window))
  local surplus = redis.call('ZCARD', key.asks) - ASKS_MOST
  if surplus > 0 then redis.call('ZREM', key.asks, unpack(redis.call('ZRANGE', key.asks, 0, surplus - 1))) end
  -- Of more than these, one window holds them in any case.
  local near = redis.call('ZRANGEBYSCORE', key.asks, '(' .. digits(at - window), '(' .. digits(at + window), 'WITHSCORES',
    'LIMIT', 0, 2 * limit)
  local since = first_of_many(near, limit, window)
  if not since then return end
  local reason = string.format('%d different servers were asked for within %.0f s', limit, window / 1000)
  set_storm(key.pauses, 'storm-asks', entry, { on = true, reason = reason, sinceMs = since })
end

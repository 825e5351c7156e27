-- Slots, and the lines of those who wait (docs/adr/0007): sorted sets of command ids that only scripts change. The loader
-- puts this after the prelude. `keys` has, by name:
--   slots, groupSlots  who is in work, by when the slot was given; of the project, and of the command's group
--   waiters            the line of a server, by first arrival
--   line, groupLine    who waits for a slot of the project, of the group; by first arrival
--   lineUntil          until when each keeps its turn: a hash, by id. Who has no such instant is waited for by nobody
--   waiting            every command that waits, whatever for and in whichever line, by first arrival

-- Name and type of these keys, for the scripts that do not ask the gate.
local LINE_KEYS = { 'slots zset', 'groupSlots zset', 'waiters zset', 'line zset', 'groupLine zset', 'lineUntil hash',
  'waiting zset' }

-- A step that asks is over within this: so long a command keeps its turn until its save says more.
local STEP_MS = 30000

local function leave_slot_lines(keys, id)
  redis.call('ZREM', keys.line, id)
  redis.call('ZREM', keys.groupLine, id)
end

local function leave_lines(keys, id)
  redis.call('ZREM', keys.waiters, id)
  leave_slot_lines(keys, id)
  redis.call('HDEL', keys.lineUntil, id)
end

-- The place that a worker asks for, with the instant until which the command keeps its turn.
local function place_of(wanted)
  if not wanted then return nil end
  local turn = wanted.turnMs and now_ms() + wanted.turnMs
  return { line = wanted.line, waits = wanted.waits, at = wanted.at, turn = turn or false, group = wanted.group or false }
end

-- Puts a command where it belongs while it waits. `place`:
--   line   none; server: in its server's line only; group: in its group's line, too; slots: in every line
--   waits  in none of them it may wait all the same
--   at     its first arrival
--   turn   until then it keeps its turn; false: nobody waits for it
--   group  false: it has none
local function stand(keys, id, place)
  if place.waits then redis.call('ZADD', keys.waiting, digits(place.at), id)
  else redis.call('ZREM', keys.waiting, id) end
  if place.line == 'none' then return leave_lines(keys, id) end
  redis.call('ZADD', keys.waiters, digits(place.at), id)
  if place.line == 'slots' then redis.call('ZADD', keys.line, digits(place.at), id)
  else redis.call('ZREM', keys.line, id) end
  if place.group and place.line ~= 'server' then redis.call('ZADD', keys.groupLine, digits(place.at), id)
  else redis.call('ZREM', keys.groupLine, id) end
  if place.turn then put(keys.lineUntil, { [id] = place.turn })
  else redis.call('HDEL', keys.lineUntil, id) end
end

-- It keeps its turn at least until this step is over.
local function keep_turn(keys, id)
  local least = now_ms() + STEP_MS
  if tonumber(redis.call('HGET', keys.lineUntil, id) or '0') < least then put(keys.lineUntil, { [id] = least }) end
end

-- The message of one that waits has come: it stands where it stood, whatever was forgotten or passed over.
local function come_back(keys, id, place, keeps_turn)
  if place.waits then redis.call('ZADD', keys.waiting, digits(place.at), id) end
  if place.line == 'none' then return end
  redis.call('ZADD', keys.waiters, digits(place.at), id)
  if place.group and place.line ~= 'server' then redis.call('ZADD', keys.groupLine, digits(place.at), id) end
  if place.line == 'slots' then redis.call('ZADD', keys.line, digits(place.at), id) end
  if keeps_turn then keep_turn(keys, id) end
end

local function has_slot(keys, id)
  return not not redis.call('ZSCORE', keys.slots, id)
end

local function give_slot(keys, id, group)
  redis.call('ZADD', keys.slots, 'NX', digits(now_ms()), id)
  if group then redis.call('ZADD', keys.groupSlots, 'NX', digits(now_ms()), id) end
end

local function free_slot(keys, id)
  redis.call('ZREM', keys.slots, id)
  redis.call('ZREM', keys.groupSlots, id)
end

-- As foreign_at, of every key of lines and slots.
local function foreign_line(keys)
  for _, declared in ipairs(LINE_KEYS) do
    local name, wanted = string.match(declared, '^(%a+) (%a+)$')
    local foreign = foreign_at(keys[name], wanted)
    if foreign then return foreign end
  end
  return nil
end

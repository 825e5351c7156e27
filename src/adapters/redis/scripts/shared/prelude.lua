-- Shared by every script; the loader puts it in front of each. Time comes from the server that decides,
-- and every reply is one JSON object with a `kind`.

-- An inquiry has a record of its own beside that of its command, under the command's id and this.
local INQUIRY = '~inquiry'

-- The claim of an inquiry that no delivery has taken yet.
local UNRESOLVED = '0:unresolved'

-- The claim of a record that only holds refusals: its id belongs to no command yet.
local REFUSED = '0:refused'

local function reply(object)
  return cjson.encode(object)
end

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Null for "no such field": Lua's false would be encoded as false.
local function or_null(value)
  if value == false or value == nil or value == '' then return cjson.null end
  return value
end

-- Where a stored order asks for its answer: one text for queue and correlation id, empty for nowhere.
local function address_of(order_text)
  local read, order = pcall(cjson.decode, order_text or '')
  if not read or type(order) ~= 'table' or type(order.replyTo) ~= 'table' then return '' end
  return tostring(order.replyTo.queue) .. '\n' .. tostring(order.replyTo.correlationId)
end

-- A number as Redis keeps it. Left to themselves Lua drops digits, and Redis may write an exponent.
local function digits(number)
  return string.format(number % 1 == 0 and '%.0f' or '%.17g', number)
end

-- Fields of a hash by name; false for "no such field".
local function fields(key, ...)
  local values, named = redis.call('HMGET', key, ...), {}
  for index, name in ipairs({ ... }) do named[name] = values[index] end
  return named
end

-- Fields of a hash, written in one command.
local function put(key, named)
  local flat = {}
  for name, value in pairs(named) do
    flat[#flat + 1] = name
    flat[#flat + 1] = type(value) == 'number' and digits(value) or value
  end
  redis.call('HSET', key, unpack(flat))
end

local function corrupt(key, why)
  return reply({ kind = 'corrupt', message = key .. ': ' .. why })
end

local TYPES = { hash = 'hash', string = 'string', zset = 'zset', list = 'list', counter = 'string' }
local SHOWN = { hash = 'a hash', string = 'a string', zset = 'a sorted set', list = 'a list', counter = 'a whole number' }

-- What scripts reckon with, by the name of the key: a field that is there and is no number would fail in the middle of one.
local NUMBERS = {
  cmd = { 'step', 'seq', 'attempt', 'created', 'updated', 'claim_at', 'claim_base', 'intent_attempt', 'intent_signed', 'intent_at',
    'final_seq' },
  epoch = { 'since', 'open_at' },
}
NUMBERS.inquiry = NUMBERS.cmd

-- The answer that says which field of a hash is no number; nil: none. Empty is how a field says that it has none.
local function not_a_number(key, name)
  local numbers = NUMBERS[name or '']
  for index, value in ipairs(numbers and redis.call('HMGET', key, unpack(numbers)) or {}) do
    local number = tonumber(value or '')
    local endless = number == math.huge or number == -math.huge or number ~= number
    if value and value ~= '' and (not number or endless) then return corrupt(key, 'its ' .. numbers[index] .. ' is not a number') end
  end
  return nil
end

-- Nil when there is nothing at the key, or something of that type; else the answer that says so.
local function foreign_at(key, wanted, name)
  local found = redis.call('TYPE', key).ok
  if found == 'none' then return nil end
  if found ~= TYPES[wanted] or (wanted == 'counter' and not string.find(redis.call('GET', key), '^%d+$')) then
    return corrupt(key, 'is not ' .. SHOWN[wanted])
  end
  return not_a_number(key, name)
end

-- A name that nobody gave is a mistake in the script, and not nil.
local function strict(what, named)
  return setmetatable(named, { __index = function(_, name) error('no ' .. what .. ' ' .. tostring(name)) end })
end

-- How each script begins: `local key, arg, foreign = called('cmd hash', ...)`, with the name and the type of each of KEYS,
-- in their order. Gives the keys by name; the fields of the argument (JSON) by name, null as false; and the answer for
-- the case that something foreign is at one of the keys: asked before the first write, so that it never leaves a
-- half-done script.
local function called(...)
  local keys, foreign = {}, nil
  for index, declared in ipairs({ ... }) do
    local name, wanted = string.match(declared, '^(%a+) (%a+)$')
    keys[name] = KEYS[index]
    foreign = foreign or foreign_at(KEYS[index], wanted, name)
  end
  local arg = cjson.decode(ARGV[1])
  for name, value in pairs(arg) do
    if value == cjson.null then arg[name] = false end
  end
  return strict('key', keys), strict('argument', arg), foreign
end

-- The server process that answers: the caller has read it on this very connection, or it is asked here, which takes as long
-- as a short script does.
local function run_id()
  if ARGV[2] and ARGV[2] ~= '' then return ARGV[2] end
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

-- The store's memory. It is a new one when the key is gone (emptied) or another server process answers
-- (restarted, failed over: its last writes may be lost). While it is young, no new lock is given. `origin` is a name
-- that stays until the store is emptied: who remembers another one knows which of the two it was.
local function ensure_epoch(key, candidate, hold_ms)
  local run = run_id()
  local seen = fields(key, 'id', 'run', 'since', 'open_at', 'origin')
  if seen.id and seen.run == run then
    return { id = seen.id, since = tonumber(seen.since), open_at = tonumber(seen.open_at) }
  end
  local now = now_ms()
  put(key, { id = candidate, run = run, since = now, open_at = now + hold_ms, origin = seen.origin or seen.id or candidate,
    fresh = '' })
  return { id = candidate, since = now, open_at = now + hold_ms }
end

-- For people, who open no epoch: until when not everything that was forgotten is back; nil: it is. Nobody knows of a
-- memory that no worker has seen yet.
local function young_until(key)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local seen = fields(key, 'run', 'open_at')
  if seen.run ~= run then return now_ms() end
  local open_at = tonumber(seen.open_at)
  if now_ms() < open_at then return open_at end
  return nil
end

-- The same for scripts, by the prefix of the project's keys, whichever process answers: messages may still have to put back
-- what was forgotten.
local function is_young(prefix)
  local open_at = tonumber(redis.call('HGET', prefix .. 'epoch', 'open_at') or '')
  return not open_at or now_ms() < open_at
end

-- A claim that is not there any more: taken by another delivery, or forgotten together with the memory that it
-- was made in. Only the first means that somebody else goes on.
local function claim_lost(epoch_key, claim_epoch)
  local seen = fields(epoch_key, 'id', 'run')
  if seen.id == claim_epoch and seen.run == run_id() then return reply({ kind = 'fenced' }) end
  return reply({ kind = 'forgotten' })
end

-- The index of locks: servers by when their lock was taken. It only serves the gauges, so it must never keep a script
-- from its work; a lock that somebody else took, or an older version of us, is noted when one of ours meets it.
local function note_lock(lock_key)
  local prefix, server = string.match(lock_key, '^(.*:)lock:([^:]*)$')
  local since = tonumber(redis.call('HGET', lock_key, 'since') or '')
  redis.pcall('ZADD', prefix .. 'locks', since or now_ms(), server)
end

local function forget_lock(lock_key)
  local prefix, server = string.match(lock_key, '^(.*:)lock:([^:]*)$')
  redis.pcall('ZREM', prefix .. 'locks', server)
end

-- Is the fault that the emitter saw older than the last success on that server?
local function healed_since(last_key, observed_at)
  if not observed_at then return nil end
  -- A server without history was not healed at 1970: nothing is known of it.
  local at = tonumber(redis.call('HGET', last_key, 'at') or '')
  if at and at > observed_at then return at end
  return nil
end

local function free_lock(lock_key, id)
  if redis.call('HGET', lock_key, 'owner') ~= id then return end
  redis.call('DEL', lock_key)
  forget_lock(lock_key)
end

-- Event numbers after a loss of memory must not meet those from before: milliseconds since 2024 outrun them.
local function fresh_sequence(at_least)
  return math.max(at_least, now_ms() - 1704067200000)
end

-- Is this the claim of a sweeper on that step? There is no message behind it (step-claim.ts, SWEEPER).
local function is_swept(claim, step)
  return claim and string.find(claim, step .. ':sweeper:', 1, true) == 1
end

-- When a delivery claimed its step: the same instant when its claim is asked again.
local function claimed_at(cmd, is_known)
  return is_known and tonumber(redis.call('HGET', cmd, 'claim_at') or '') or now_ms()
end

-- The keys of a record, of its server and of its group (false: it has none).
local function keys_of_record(cmd, server, group)
  local prefix, of = string.match(cmd, '^([^}]*}:)'), group or ''
  return { cmd = cmd, active = prefix .. 'active', lock = prefix .. 'lock:' .. server,
    waiters = prefix .. 'waiters:' .. server, last = prefix .. 'last:' .. server, history = prefix .. 'history:' .. server,
    debt = prefix .. 'debt:' .. server,
    storm = prefix .. 'storm', pauses = prefix .. 'pauses',
    slots = prefix .. 'slots', groupSlots = prefix .. 'slots-of:' .. of, line = prefix .. 'line',
    groupLine = prefix .. 'line-of:' .. of, lineUntil = prefix .. 'line-until',
    waiting = prefix .. 'waiting' }
end

-- Is a server still locked by a command that has ended and left it so? `token` false: whatever the lock's number is.
local function is_left_locked(cmd, lock, owner, token)
  local holder = fields(lock, 'owner', 'token')
  if holder.owner ~= owner or (token and holder.token ~= digits(token)) then return false end
  local command = fields(cmd, 'content', 'outcome')
  -- One that is open again (the store had forgotten it) goes on by itself.
  return not command.content or not not command.outcome
end

-- The record of an inquiry, as if its step 0 had been saved: its first message is step 1.
local function open_inquiry(keys, id, inquiry)
  local cmd = keys.cmd .. INQUIRY
  local known = fields(cmd, 'content', 'outcome')
  if known.content and not known.outcome then return end
  local now = now_ms()
  if known.outcome then redis.call('DEL', cmd) end
  put(cmd, { content = inquiry.content, wish = inquiry.wish, server = inquiry.server, order = inquiry.order,
    resume = inquiry.resume, step = 0, attempt = 1, phase = 'inquiry', claim = UNRESOLVED, claim_base = 1, seq = 1,
    created = now, updated = now })
  redis.call('ZADD', keys.active, now, id .. INQUIRY)
end

-- What became of a command that ended unresolved stands in its record, for those that joined it.
local function mark_settled(inquiry_key, settled)
  local cmd = string.sub(inquiry_key, 1, -#INQUIRY - 1)
  if redis.call('EXISTS', cmd) == 1 then put(cmd, { settled = settled }) end
end

-- Makes room for a command whose id only names refusals. Written to first: whoever may not write must not delete.
local function forget_refusals(cmd)
  put(cmd, { updated = now_ms() })
  redis.call('DEL', cmd)
end

-- One stored entry of a switch that people set: a pause of a scope.
local function pause_entry(text)
  local readable, entry = pcall(cjson.decode, text)
  -- Nobody knows what was meant: nothing starts until a person sets or lifts it again.
  if not readable or type(entry) ~= 'table' or type(entry.atMs) ~= 'number' then
    return { on = true, atMs = 0, by = 'unknown', reason = 'its entry cannot be read', unreadable = true }
  end
  return entry
end

-- The entry of a switch that scripts set as well; off, and older than any other, where there is none.
local function switch_entry(pauses_key, name)
  local text = redis.call('HGET', pauses_key, name)
  return text and pause_entry(text) or { on = false, atMs = 0 }
end

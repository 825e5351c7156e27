-- Shared by every script; the loader puts it in front of each. Time comes from the server that decides,
-- and every reply is one JSON object with a `kind`.

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

-- Checked before the first write, so that a foreign value at a key of ours never leaves a half-done script.
local function wrong_type(key, wanted)
  local found = redis.call('TYPE', key).ok
  return found ~= 'none' and found ~= wanted
end

local function corrupt(key, why)
  return reply({ kind = 'corrupt', message = key .. ': ' .. why })
end

-- The store's memory. It is a new one when the key is gone (emptied) or another server process answers
-- (restarted, failed over: its last writes may be lost). While it is young, no new lock is given.
local function ensure_epoch(key, candidate, hold_ms)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local seen = redis.call('HMGET', key, 'id', 'run', 'since', 'open_at')
  if seen[1] and seen[2] == run then
    return { id = seen[1], since = tonumber(seen[3]), open_at = tonumber(seen[4]) }
  end
  local now = now_ms()
  redis.call('HSET', key, 'id', candidate, 'run', run, 'since', now, 'open_at', now + hold_ms)
  return { id = candidate, since = now, open_at = now + hold_ms }
end

-- A claim that is not there any more: taken by another delivery, or forgotten together with the memory that it
-- was made in. Only the first means that somebody else goes on.
local function claim_lost(epoch_key, claim_epoch)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local seen = redis.call('HMGET', epoch_key, 'id', 'run')
  if seen[1] == claim_epoch and seen[2] == run then return reply({ kind = 'fenced' }) end
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

-- Gives the server's lock to a command: the same answer when asked again by its owner.
local function try_lock(lock_key, token_key, id, wish, cmd_prefix)
  local owner = redis.call('HGET', lock_key, 'owner')
  if owner then note_lock(lock_key) end
  if owner == id then
    return { kind = 'acquired', token = tonumber(redis.call('HGET', lock_key, 'token')) }
  end
  if owner then
    local holder = cmd_prefix .. owner
    local known = redis.call('TYPE', holder).ok == 'hash' and redis.call('HMGET', holder, 'wish', 'outcome')
    -- One that has ended, and left the server locked, has no result to share.
    local same = known and known[1] == wish and not known[2]
    return { kind = 'busy', holder = owner, sameWish = same }
  end
  local token = redis.call('INCR', token_key)
  redis.call('HSET', lock_key, 'owner', id, 'token', token, 'operation', 'reinstall', 'since', now_ms(), 'phase', 'admit')
  note_lock(lock_key)
  return { kind = 'acquired', token = token }
end

-- Is the fault that the emitter saw older than the last success on that server?
local function healed_since(last_key, observed_at)
  if observed_at == '' then return nil end
  -- A server without history was not healed at 1970: nothing is known of it.
  local at = tonumber(redis.call('HGET', last_key, 'at') or '')
  if at and at > tonumber(observed_at) then return at end
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

-- When a delivery claimed its step: the same instant when its claim is asked again.
local function claimed_at(cmd, is_known)
  return is_known and tonumber(redis.call('HGET', cmd, 'claim_at') or '') or now_ms()
end

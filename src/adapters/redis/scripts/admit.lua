-- Step 0: dedup by id and content, superseded, brakes, lock; creates the record and claims the step.
-- KEYS cmd lock token active epoch last pauses paused
-- ARGV id nonce redelivered content wish server observed_at hold_ms block dry_run order candidate cmd_prefix doubted arrived_at unseen_until ask
local cmd, lock, token, active, epoch_key, last, pauses, paused = unpack(KEYS)
local id, nonce, redelivered, content, wish, server, observed_at = unpack(ARGV, 1, 7)
local hold_ms, block, dry_run, order, candidate, cmd_prefix, doubted, arrived_at, unseen_until, ask = unpack(ARGV, 8, 17)
if wrong_type(cmd, 'hash') then return corrupt(cmd, 'is not a hash') end
if wrong_type(lock, 'hash') then return corrupt(lock, 'is not a hash') end
if wrong_type(epoch_key, 'hash') then return corrupt(epoch_key, 'is not a hash') end
if wrong_type(pauses, 'hash') then return corrupt(pauses, 'is not a hash') end

local epoch = ensure_epoch(epoch_key, candidate, tonumber(hold_ms))
local now = now_ms()
local rec = redis.call('HMGET', cmd, 'content', 'step', 'claim', 'claim_base', 'outcome', 'final', 'told', 'seq', 'phase', 'updated', 'job', 'outbox', 'created', 'claim_epoch', 'doubt', 'order')
local mine = '0:' .. nonce
local base, doubt = 1, false
-- Delivered before, at a time when the store's memory was not settled; or another delivery, or a copy, may have been
-- taken before this memory began: what is not on record proves nothing.
local forgotten = (doubted == '1' and epoch.open_at > tonumber(arrived_at))
  or (unseen_until ~= '' and epoch.since >= tonumber(unseen_until))

-- Messages that were refused do not use an id up. The event of the last comes before any of the command's own.
local refused = rec[1] and rec[3] == REFUSED
if refused and rec[7] ~= '1' then return reply({ kind = 'refusal-unconfirmed' }) end

if rec[1] and not refused then
  if rec[1] ~= content then return reply({ kind = 'id-reused', sinceMs = tonumber(rec[13]) }) end
  local view = {
    phase = rec[9], sequence = tonumber(rec[8]), updatedAtMs = tonumber(rec[10]),
    outcome = or_null(rec[5]), jobId = or_null(rec[11]) }
  if redelivered == '0' and rec[3] ~= mine then return reply({ kind = 'duplicate', view = view }) end
  -- Redelivered: the original again, or a copy of it. Nothing in a message tells the two apart but where it asks for
  -- its answer; a copy that asks where the original did has its answer in the original's final event.
  local elsewhere = rec[3] ~= mine and address_of(rec[16]) ~= address_of(order)
  local step = tonumber(rec[2])
  if rec[5] then
    -- Told before this copy came, perhaps: its sender waits for an answer.
    if rec[7] == '1' then return reply({ kind = 'duplicate', view = view }) end
    return reply({ kind = 'finished', outcome = rec[6], told = false, duplicate = elsewhere and view or cjson.null })
  end
  if elsewhere and step >= 0 then return reply({ kind = 'duplicate', view = view }) end
  -- A record that was put back from the next step's message has no outbox: that message is on its way.
  if step > 0 or (step == 0 and not rec[12]) then return reply({ kind = 'handed-over' }) end
  if step == 0 then return reply({ kind = 'saved', outbox = rec[12] }) end
  base = tonumber(rec[8])
  -- Whoever takes it over doubts like the one before. Of another memory the next steps may be lost, and numbers that
  -- were told.
  local older = rec[14] ~= epoch.id
  doubt = rec[15] == '1' or (older and forgotten)
  if older and now < epoch.open_at then return reply({ kind = 'rebuilding', untilMs = epoch.open_at, doubt = doubt }) end
  if rec[3] == mine then base = tonumber(rec[4])
  elseif older then base = fresh_sequence(base) end
else
  doubt = forgotten
  if now < epoch.open_at then return reply({ kind = 'rebuilding', untilMs = epoch.open_at, doubt = doubt }) end
  if refused then base = tonumber(rec[8]) end
  if doubt then base = fresh_sequence(base) end
  -- With its expiry.
  if refused then redis.call('DEL', cmd) end
  redis.call('HSET', cmd, 'content', content, 'wish', wish, 'server', server, 'step', -1, 'attempt', 1, 'phase', 'admit', 'created', now)
end
-- The order of the delivery that goes on: its address gets the final event.
local at = claimed_at(cmd, rec[3] == mine)
redis.call('HSET', cmd, 'order', order, 'claim', mine, 'claim_at', at, 'doubt', doubt and '1' or '0', 'claim_epoch', epoch.id, 'claim_base', base, 'seq', base + tonumber(block), 'updated', now)
redis.call('ZADD', active, now, id)

local answer
local healed = healed_since(last, observed_at)
local hold = brakes(pauses, paused, cjson.decode(ask))
if healed then answer = { kind = 'superseded', healedAtMs = healed }
elseif hold then answer = { kind = 'held', hold = hold }
elseif dry_run == '1' then
  local owner = redis.call('HGET', lock, 'owner')
  if owner then note_lock(lock) end
  if owner then answer = { kind = 'busy', holder = owner, sameWish = false }
  else answer = { kind = 'acquired', token = 0 } end
else answer = try_lock(lock, token, id, wish, cmd_prefix) end
return reply({ kind = 'claimed', nonce = nonce, step = 0, sequence = base, epoch = epoch.id, atMs = at, lock = answer, doubt = doubt })

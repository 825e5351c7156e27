-- Claims a later step for one delivery; puts record and lock back when the store has forgotten them. With `hop` the
-- message only goes on waiting: everything is put back all the same, and the step stays unclaimed.
-- KEYS cmd lock token active epoch
-- ARGV id nonce redelivered step msg_epoch msg_token hold_ms block content wish server phase attempt sequence order resume candidate hop unseen_until
local cmd, lock, token, active, epoch_key = unpack(KEYS)
local id, nonce, redelivered, step, msg_epoch, msg_token, hold_ms, block = unpack(ARGV, 1, 8)
local content, wish, server, phase, attempt, sequence, order, resume, candidate, hop, unseen_until = unpack(ARGV, 9, 19)
if wrong_type(cmd, 'hash') then return corrupt(cmd, 'is not a hash') end
if wrong_type(lock, 'hash') then return corrupt(lock, 'is not a hash') end
if wrong_type(epoch_key, 'hash') then return corrupt(epoch_key, 'is not a hash') end
step = tonumber(step)

local epoch = ensure_epoch(epoch_key, candidate, tonumber(hold_ms))
local now = now_ms()
local rec = redis.call('HMGET', cmd, 'content', 'step', 'claim', 'claim_base', 'outcome', 'final', 'told', 'seq', 'attempt', 'outbox', 'restored')
local mine = step .. ':' .. nonce
local restored, taken_over = 'no', false

if rec[1] and rec[3] == REFUSED then
  -- Refused while nobody remembered the command: a refusal does not use up its id.
  redis.call('DEL', cmd)
  rec = { false, false, false, false, false, false, false, rec[8], false, false, false }
end
if not rec[1] then
  restored = 'absent'
elseif rec[1] ~= content then
  return reply({ kind = 'id-taken' })
elseif rec[5] then
  return reply({ kind = 'finished', outcome = rec[6], told = rec[7] == '1' })
else
  local saved = tonumber(rec[2])
  -- Put back from the next step's message, the record has no outbox: that message is on its way.
  if saved == step and redelivered == '1' and rec[10] then return reply({ kind = 'saved', outbox = rec[10] }) end
  -- Saved by a sweeper, behind which there is no message, and perhaps never told: whoever comes again tells it.
  local by_sweeper = rec[3] and string.find(rec[3], saved .. ':sweeper:', 1, true) == 1
  if saved > step and redelivered == '1' and by_sweeper and rec[10] then return reply({ kind = 'saved', outbox = rec[10] }) end
  if saved >= step then return reply({ kind = 'stale' }) end
  if saved < step - 1 then restored = 'behind' end
  if restored == 'no' and rec[3] and rec[3] ~= mine and string.find(rec[3], step .. ':', 1, true) == 1 then
    -- Behind a sweeper's claim there is no message: the one that it missed goes on in its stead.
    local swept = string.find(rec[3], step .. ':sweeper:', 1, true) == 1
    if redelivered == '0' and not swept then return reply({ kind = 'stale' }) end
    taken_over = true
  end
  -- Put back for this step by an earlier claim, and not saved since: what was not known then is not known now.
  if restored == 'no' and rec[11] then
    local at, how = string.match(rec[11], '^(%d+):(%a+)$')
    if tonumber(at) == step then restored = how end
  end
end

local foreign = msg_epoch ~= epoch.id
-- This memory began before anybody can have taken the message, or a copy of it: what it does not know was not done.
local unseen = unseen_until ~= '' and epoch.since < tonumber(unseen_until)
local base = math.max(tonumber(rec[8] or '1'), tonumber(sequence))
if rec[3] == mine then base = tonumber(rec[4])
elseif foreign or restored ~= 'no' then base = fresh_sequence(base) end

if restored ~= 'no' then
  redis.call('HSET', cmd, 'content', content, 'wish', wish, 'server', server, 'order', order, 'step', step - 1,
    'attempt', math.max(tonumber(rec[9] or '1'), tonumber(attempt)), 'phase', phase, 'resume', resume, 'restored', step .. ':' .. restored)
  redis.call('HSETNX', cmd, 'created', now)
  redis.call('HDEL', cmd, 'outbox')
end
local at = claimed_at(cmd, rec[3] == mine)
if hop ~= '1' then
  redis.call('HSET', cmd, 'claim', mine, 'claim_at', at, 'claim_base', base, 'seq', base + tonumber(block))
elseif restored ~= 'no' then
  -- Whoever held an older step must not save it over what was put back.
  redis.call('HSET', cmd, 'claim', '', 'claim_base', base, 'seq', base)
end
redis.call('HSET', cmd, 'updated', now)
redis.call('ZADD', active, now, id)

local held = 'none'
if msg_token ~= '' then
  local owner = redis.call('HGET', lock, 'owner')
  if not owner then
    redis.call('HSET', lock, 'owner', id, 'token', msg_token, 'operation', 'reinstall', 'since', now, 'phase', phase)
    if tonumber(redis.call('GET', token) or '0') < tonumber(msg_token) then redis.call('SET', token, msg_token) end
    held = 'held'
  elseif owner == id then held = 'held'
  else held = 'lost' end
  note_lock(lock)
end
if hop == '1' then
  return reply({ kind = 'waits', atMs = now, mayHaveRun = taken_over or (foreign and restored ~= 'no' and not unseen) })
end

local now_rec = redis.call('HMGET', cmd, 'attempt', 'intent_attempt', 'intent_signed', 'intent_disk', 'job', 'cancel')
local intent = cjson.null
if now_rec[2] then
  intent = { attempt = tonumber(now_rec[2]), signedAtMs = cjson.null, diskId = now_rec[4] }
  if now_rec[3] ~= '' then intent.signedAtMs = tonumber(now_rec[3]) end
end
local rebuilding = cjson.null
if now < epoch.open_at then rebuilding = epoch.open_at end
return reply({
  kind = 'claimed', nonce = nonce, step = step, sequence = base, epoch = epoch.id, atMs = at, rebuildingUntilMs = rebuilding,
  attempt = { attempt = tonumber(now_rec[1]), intent = intent, jobId = or_null(now_rec[5]) },
  takenOver = taken_over, restored = restored, foreignEpoch = foreign, unseen = unseen, lock = held, cancelRequested = now_rec[6] == '1' })

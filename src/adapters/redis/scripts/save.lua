-- Saves what a step has come to, and what follows from it.
-- KEYS cmd lock active waiters epoch
-- ARGV id claim claim_epoch step phase attempt next_seq outbox resume clear_intent release_lock job waits
local cmd, lock, active, waiters, epoch_key = unpack(KEYS)
local id, claim, claim_epoch, step, phase, attempt, next_seq, outbox, resume, clear_intent, release_lock, job, waits = unpack(ARGV)
if wrong_type(lock, 'hash') then return corrupt(lock, 'is not a hash') end
local rec = redis.call('HMGET', cmd, 'claim', 'step', 'outcome', 'attempt')
if not rec[1] then return reply({ kind = 'forgotten' }) end
if rec[3] then return reply({ kind = 'fenced' }) end
if rec[1] ~= claim then return claim_lost(epoch_key, claim_epoch) end
if rec[2] == step then return reply({ kind = 'saved' }) end
local now = now_ms()
redis.call('HSET', cmd, 'step', step, 'phase', phase, 'attempt', math.max(tonumber(attempt), tonumber(rec[4] or '1')), 'seq', next_seq, 'outbox', outbox,
  'resume', resume, 'updated', now)
if job ~= '' then redis.call('HSET', cmd, 'job', job) end
if clear_intent == '1' then redis.call('HDEL', cmd, 'intent_attempt', 'intent_signed', 'intent_disk', 'intent_claim') end
redis.call('ZADD', active, now, id)
if waits == '1' then redis.call('ZADD', waiters, 'NX', now, id) else redis.call('ZREM', waiters, id) end
if release_lock == '1' then free_lock(lock, id)
elseif redis.call('HGET', lock, 'owner') == id then redis.call('HSET', lock, 'phase', phase) end
return reply({ kind = 'saved' })

-- Outcome and final event stored, lock freed: one script, so that the next command of a server never starts
-- before the last one has its outcome. A second call gives back what the first stored.
-- KEYS cmd lock active last waiters epoch
-- ARGV id claim claim_epoch step outcome final free healed_at ttl_ms last_ttl_ms final_seq
local cmd, lock, active, last, waiters, epoch_key = unpack(KEYS)
local id, claim, claim_epoch, step, outcome, final, free, healed_at, ttl_ms, last_ttl_ms, final_seq = unpack(ARGV)
if wrong_type(lock, 'hash') then return corrupt(lock, 'is not a hash') end
local rec = redis.call('HMGET', cmd, 'claim', 'outcome', 'final')
if not rec[1] then return reply({ kind = 'forgotten' }) end
if rec[2] then return reply({ kind = 'finished', outcome = rec[3], first = rec[1] == claim }) end
if rec[1] ~= claim then return claim_lost(epoch_key, claim_epoch) end
local now = now_ms()
redis.call('HSET', cmd, 'step', step, 'phase', 'done', 'outcome', outcome, 'final', final, 'final_seq', final_seq, 'updated', now)
redis.call('HDEL', cmd, 'outbox', 'resume')
redis.call('PEXPIRE', cmd, ttl_ms)
redis.call('ZADD', active, now, id)
redis.call('ZREM', waiters, id)
if free == '1' then free_lock(lock, id)
elseif redis.call('HGET', lock, 'owner') == id then redis.call('HSET', lock, 'phase', outcome) end
if healed_at ~= '' then
  redis.call('HSET', last, 'at', healed_at, 'command', id)
  redis.call('PEXPIRE', last, last_ttl_ms)
end
return reply({ kind = 'finished', outcome = final, first = true })

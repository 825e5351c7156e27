-- The last gate before the POST: compare-and-set on owner, token, attempt, claim and epoch, and no brake that stops.
-- KEYS cmd lock epoch pauses paused
-- ARGV id claim claim_epoch attempt token signed disk hold_ms candidate ask
local cmd, lock, epoch_key, pauses, paused = unpack(KEYS)
local id, claim, claim_epoch, attempt, token, signed, disk, hold_ms, candidate, ask = unpack(ARGV)
if wrong_type(cmd, 'hash') then return corrupt(cmd, 'is not a hash') end
if wrong_type(lock, 'hash') then return corrupt(lock, 'is not a hash') end
if wrong_type(pauses, 'hash') then return corrupt(pauses, 'is not a hash') end
local epoch = ensure_epoch(epoch_key, candidate, tonumber(hold_ms))
local rec = redis.call('HMGET', cmd, 'claim', 'attempt', 'outcome', 'intent_attempt', 'intent_signed', 'intent_claim')
if not rec[1] then return reply({ kind = 'forgotten' }) end
local holder = redis.call('HMGET', lock, 'owner', 'token')
if rec[1] ~= claim then return claim_lost(epoch_key, claim_epoch) end
if rec[2] ~= attempt or rec[3] then return reply({ kind = 'fenced' }) end
-- Nobody else has the step, but the ground it was claimed on is gone: claim again.
if epoch.id ~= claim_epoch or now_ms() < epoch.open_at or holder[1] ~= id or holder[2] ~= token then
  return reply({ kind = 'forgotten' })
end
if rec[4] == attempt then
  if rec[6] == claim and rec[5] == signed then return reply({ kind = 'saved' }) end
  return reply({ kind = 'fenced' })
end
-- After "it is recorded already": a reply that was lost must not turn into a hold behind which the POST is out.
local hold = brakes(pauses, paused, cjson.decode(ask))
if hold then return reply({ kind = 'held', hold = hold }) end
redis.call('HSET', cmd, 'intent_attempt', attempt, 'intent_signed', signed, 'intent_disk', disk, 'intent_claim', claim, 'updated', now_ms())
return reply({ kind = 'saved' })

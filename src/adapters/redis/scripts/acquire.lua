-- Asks for the server's lock within a claimed step.
-- KEYS cmd lock token epoch last paused
-- ARGV id claim claim_epoch wish observed_at hold_ms candidate cmd_prefix
local cmd, lock, token, epoch_key, last, paused = unpack(KEYS)
local id, claim, claim_epoch, wish, observed_at, hold_ms, candidate, cmd_prefix = unpack(ARGV)
if wrong_type(lock, 'hash') then return corrupt(lock, 'is not a hash') end
local epoch = ensure_epoch(epoch_key, candidate, tonumber(hold_ms))
local found = redis.call('HGET', cmd, 'claim')
if not found then return reply({ kind = 'forgotten' }) end
if found ~= claim then return claim_lost(epoch_key, claim_epoch) end
local healed = healed_since(last, observed_at)
if healed then return reply({ kind = 'superseded', healedAtMs = healed }) end
if redis.call('HGET', lock, 'owner') ~= id and now_ms() < epoch.open_at then
  return reply({ kind = 'rebuilding', untilMs = epoch.open_at })
end
if redis.call('EXISTS', paused) == 1 then return reply({ kind = 'paused' }) end
return reply(try_lock(lock, token, id, wish, cmd_prefix))

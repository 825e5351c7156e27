-- Asks for the server's lock within a claimed step.
-- KEYS cmd lock token epoch last pauses paused
-- ARGV id claim claim_epoch wish observed_at hold_ms candidate cmd_prefix ask
local cmd, lock, token, epoch_key, last, pauses, paused = unpack(KEYS)
local id, claim, claim_epoch, wish, observed_at, hold_ms, candidate, cmd_prefix, ask = unpack(ARGV)
if wrong_type(lock, 'hash') then return corrupt(lock, 'is not a hash') end
if wrong_type(pauses, 'hash') then return corrupt(pauses, 'is not a hash') end
local epoch = ensure_epoch(epoch_key, candidate, tonumber(hold_ms))
local found = redis.call('HGET', cmd, 'claim')
if not found then return reply({ kind = 'forgotten' }) end
if found ~= claim then return claim_lost(epoch_key, claim_epoch) end
local healed = healed_since(last, observed_at)
if healed then return reply({ kind = 'superseded', healedAtMs = healed }) end
if redis.call('HGET', lock, 'owner') ~= id and now_ms() < epoch.open_at then
  return reply({ kind = 'rebuilding', untilMs = epoch.open_at })
end
local hold = brakes(pauses, paused, cjson.decode(ask))
if hold then return reply({ kind = 'held', hold = hold }) end
return reply(try_lock(lock, token, id, wish, cmd_prefix))

-- Asks for the server's lock within a claimed step.
local key, arg, foreign =
  called('cmd hash', 'lock hash', 'token counter', 'epoch hash', 'last hash', unpack(GATE_KEYS))
if foreign then return foreign end
local epoch = ensure_epoch(key.epoch, arg.candidate, arg.holdMs)
local found = redis.call('HGET', key.cmd, 'claim')
if not found then return reply({ kind = 'forgotten' }) end
if found ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
local healed = healed_since(key.last, arg.observedAt)
if healed then return reply({ kind = 'superseded', healedAtMs = healed }) end
if redis.call('HGET', key.lock, 'owner') ~= arg.id and now_ms() < epoch.open_at then
  return reply({ kind = 'rebuilding', untilMs = epoch.open_at })
end
local hold = brakes('admission', key, arg.ask)
if hold then return reply({ kind = 'held', hold = hold }) end
return reply(try_lock(key.lock, key.token, arg.id, arg.wish, arg.commandPrefix))

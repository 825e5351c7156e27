-- Asks for the server's lock and a slot within a claimed step: both are given, or neither.
local key, arg, foreign =
  called('cmd hash', 'lock hash', 'token counter', 'epoch hash', 'last hash', unpack(GATE_KEYS))
if foreign then return foreign end
local epoch = ensure_epoch(key.epoch, arg.candidate, arg.holdMs)
local rec = fields(key.cmd, 'claim', 'created')
if not rec.claim then return reply({ kind = 'forgotten' }) end
if rec.claim ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
local has_both = redis.call('HGET', key.lock, 'owner') == arg.want.id and has_slot(key, arg.want.id)
if not has_both and now_ms() < epoch.open_at then return reply({ kind = 'rebuilding', untilMs = epoch.open_at }) end
return reply(try_start(key, arg.want, arg.ask, tonumber(rec.created)))

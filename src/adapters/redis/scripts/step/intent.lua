-- The last gate before the POST: compare-and-set on owner, token, attempt, claim and epoch, no brake that stops, and a slot.
local key, arg, foreign = called('cmd hash', 'lock hash', 'epoch hash', unpack(GATE_KEYS))
if foreign then return foreign end
local epoch = ensure_epoch(key.epoch, arg.candidate, arg.holdMs)
local rec = fields(key.cmd, 'claim', 'attempt', 'outcome', 'intent_attempt', 'intent_signed', 'intent_claim')
if not rec.claim then return reply({ kind = 'forgotten' }) end
local lock = fields(key.lock, 'owner', 'token')
if rec.claim ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
if tonumber(rec.attempt) ~= arg.attempt or rec.outcome then return reply({ kind = 'fenced' }) end
-- Nobody else has the step, but the ground it was claimed on is gone: claim again.
if epoch.id ~= arg.claimEpoch or now_ms() < epoch.open_at or lock.owner ~= arg.id or tonumber(lock.token or '') ~= arg.token then
  return reply({ kind = 'forgotten' })
end
arg.entry.at = now_ms()
local signed = arg.signedAt and digits(arg.signedAt) or ''
if tonumber(rec.intent_attempt or '') == arg.attempt then
  if rec.intent_claim == arg.claim and rec.intent_signed == signed then
    note_reinstall(key.history, arg.id, arg.attempt, arg.entry)
    return reply({ kind = 'saved' })
  end
  return reply({ kind = 'fenced' })
end
-- After "it is recorded already": a reply that was lost must not turn into a hold behind which the POST is out.
local hold = brakes('intent', key, arg.ask) or need_slot(key, arg.id, arg.ask, arg.commandPrefix)
if hold then return reply({ kind = 'held', hold = hold }) end
put(key.cmd, { intent_attempt = arg.attempt, intent_signed = signed, intent_disk = arg.diskId, intent_claim = arg.claim,
  intent_at = arg.entry.at, updated = arg.entry.at })
-- Before the answer: no request goes out that does not count.
note_reinstall(key.history, arg.id, arg.attempt, arg.entry)
return reply({ kind = 'saved' })

-- Outcome and final event stored, lock and slot freed: one script, so that the next command of a server never starts
-- before the last one has its outcome. A second call gives back what the first stored.
local key, arg, foreign =
  called('cmd hash', 'lock hash', 'active zset', 'last hash', 'epoch hash', 'inquiry hash', 'history hash', 'storm hash',
    'pauses hash', 'debt string', unpack(LINE_KEYS))
if foreign then return foreign end
local rec = fields(key.cmd, 'claim', 'outcome', 'final', 'step', 'server', 'told', 'tail', 'intent_attempt', 'intent_at')
if not rec.claim then return reply({ kind = 'forgotten' }) end
if rec.outcome then
  local in_the_way = complete(key.cmd, arg.id, rec)
  if in_the_way then return in_the_way end
  return reply({ kind = 'finished', outcome = rec.final, first = rec.claim == arg.claim })
end
if rec.claim ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
local now = now_ms()
local history = { out = arg.clearIntent and tonumber(rec.intent_attempt or '') or nil, ended = now, outcome = arg.outcome }
local storm = { rules = arg.rules, result = 'nothing', intended = tonumber(rec.intent_at or '') }
if arg.storm and not arg.clearIntent then storm.result, storm.cause = arg.storm.result, arg.storm.cause end
local tail = {
  claim = arg.claim, step = arg.step, ttl_ms = arg.ttlMs, active = true, place = { line = 'none' }, free_slot = true, group = arg.group,
  free_lock = arg.freeLock, lock_phase = arg.outcome, healed_at = arg.healedAt, last_ttl_ms = arg.lastTtlMs, history = history,
  storm = storm, ended = now,
  paid = arg.paid or nil, owes = arg.owes or nil, inquiry = arg.inquiry or nil, forget = { 'outbox', 'resume' } }
put(key.cmd, { step = arg.step, phase = 'done', outcome = arg.outcome, final = arg.final, final_seq = arg.finalSequence,
  updated = now, tail = cjson.encode(tail) })
carry_out(key, arg.id, tail)
return reply({ kind = 'finished', outcome = arg.final, first = true })

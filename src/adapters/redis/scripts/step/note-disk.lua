-- Keeps what the age of its system disk says of a server without a history, and asks once more for its lock and a slot:
-- "healed since", cooldown and quarantine count it then. Of a dry run: what they would say.
local key, arg, foreign =
  called('cmd hash', 'lock hash', 'token counter', 'epoch hash', 'last hash', unpack(GATE_KEYS))
if foreign then return foreign end
local epoch = ensure_epoch(key.epoch, arg.candidate, arg.holdMs)
local rec = fields(key.cmd, 'claim', 'created')
if not rec.claim then return reply({ kind = 'forgotten' }) end
if rec.claim ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
local has_both = redis.call('HGET', key.lock, 'owner') == arg.want.id and has_slot(key, arg.want.id)
if not arg.dryRun and not has_both and now_ms() < epoch.open_at then
  return reply({ kind = 'noted', lock = { kind = 'rebuilding', untilMs = epoch.open_at }, verdicts = cjson.null })
end
-- Counted by somebody else meanwhile: that says more. The history last: where it is, all of this was done.
if redis.call('EXISTS', key.history) == 0 then
  local last = fields(key.last, 'at', 'command')
  if arg.healedAt and (not last.at or last.command == arg.by) then
    put(key.last, { at = arg.healedAt, command = arg.by })
    redis.call('PEXPIRE', key.last, digits(arg.lastTtlMs))
  end
  note_reinstall(key.history, arg.by, 0, arg.entry)
end
if arg.dryRun then
  return reply({ kind = 'noted', lock = would_start(key, arg.want, arg.ask), verdicts = every_verdict(key, arg.ask, 'admission') })
end
return reply({ kind = 'noted', lock = try_start(key, arg.want, arg.ask, tonumber(rec.created)), verdicts = cjson.null })

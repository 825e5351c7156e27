-- Replaces what was learned of the quota, where it is still what its worker saw.
local key, arg, foreign = called('calls hash')
if foreign then return foreign end
note_passed(key.calls, arg.passed)
local learned = learned_of(key.calls)
if learned.version ~= arg.seen or not arg.next then
  return reply({ kind = 'changed', learned = learned, used = calls_used(key.calls), atMs = now_ms() })
end
local to = arg.next
put(key.calls, { version = to.version, rate = to.perSecond, depth = to.depth, ceiling = to.ceiling, changed = to.changedMs,
  lowered = to.loweredMs, stated_until = to.statedUntilMs, held = to.heldUntilMs, hold = to.holdMs })
return reply({ kind = 'saved' })

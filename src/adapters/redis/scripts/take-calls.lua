-- Takes calls to the cloud together before the first of them is made; `passed`: when the youngest call that has passed was begun.
local key, arg, foreign = called('calls hash')
if foreign then return foreign end
note_passed(key.calls, arg.passed)
local taken = take_calls(key.calls, arg.ask)
local said = { atMs = now_ms(), learned = learned_of(key.calls), used = calls_used(key.calls),
  left = calls_left(key.calls, arg.ask.limits) }
if not taken.granted then
  said.kind, said.ms = 'wait', taken.delay
else
  said.kind, said.delayMs, said.spacingMs = 'granted', taken.delay, taken.spacing
end
return reply(said)

-- Takes calls to the cloud together before the first of them is made; `spare`: further ones to have in hand; `drawn`: so many
-- of those were made since the last answer; `passed`: when the youngest call that has passed was begun.
local key, arg, foreign = called('calls hash')
if foreign then return foreign end
note_passed(key.calls, arg.passed)
note_drawn(key.calls, arg.drawn)
local taken = take_calls(key.calls, arg.ask)
local spare = taken.granted and taken.delay == 0 and take_spare(key.calls, arg.spare, arg.ask.limits) or 0
local said = { atMs = now_ms(), learned = learned_of(key.calls), used = calls_used(key.calls),
  left = calls_left(key.calls, arg.ask.limits) }
if not taken.granted then
  said.kind, said.ms = 'wait', taken.delay
else
  said.kind, said.delayMs, said.spacingMs, said.spare = 'granted', taken.delay, taken.spacing, spare
end
return reply(said)

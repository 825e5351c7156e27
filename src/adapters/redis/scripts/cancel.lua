-- Asks an open command to end before it is submitted; the next step obeys.
local key, arg, foreign = called('cmd hash', 'audit list')
if foreign then return foreign end
local rec = fields(key.cmd, 'content', 'outcome', 'phase', 'cancel')
if not rec.content then return reply({ kind = 'unheard-of' }) end
if rec.outcome then return reply({ kind = 'ended', outcome = rec.outcome }) end
for _, phase in ipairs(arg.sentPhases) do
  if rec.phase == phase then return reply({ kind = 'too-late', phase = phase }) end
end
note_act(key.audit, arg.act)
-- The first who asks for its end is named in its event.
if not rec.cancel then put(key.cmd, { cancel = 1, cancel_by = arg.act.by, cancel_why = arg.act.reason }) end
return reply({ kind = 'requested', phase = rec.phase })

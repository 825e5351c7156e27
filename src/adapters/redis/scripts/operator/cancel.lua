-- Asks an open command to end before it is submitted; the next step obeys.

-- Its server is being started again, and then it waits again: in which phase that is only its message says.
local function goes_back(resume)
  local read, message = pcall(cjson.decode, resume or '')
  local state = read and type(message) == 'table' and message.state
  return type(state) == 'table' and type(state.after) == 'table' and state.after.kind == 'wait'
end

local key, arg, foreign = called('cmd hash', 'audit list')
if foreign then return foreign end
local rec = fields(key.cmd, 'content', 'outcome', 'phase', 'cancel', 'resume')
if not rec.content then return reply({ kind = 'unheard-of' }) end
if rec.outcome then return reply({ kind = 'ended', outcome = rec.outcome }) end
for _, phase in ipairs(arg.sentPhases) do
  if rec.phase == phase and not goes_back(rec.resume) then return reply({ kind = 'too-late', phase = phase }) end
end
note_act(key.audit, arg.act)
-- The first who asks for its end is named in its event.
if not rec.cancel then put(key.cmd, { cancel = 1, cancel_by = arg.act.by, cancel_why = arg.act.reason }) end
return reply({ kind = 'requested', phase = rec.phase })

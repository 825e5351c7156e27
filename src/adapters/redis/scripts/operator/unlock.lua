-- A person frees the lock of a server that they have looked at: only that of the owner they name, and never
-- that of a command that is still on its way.
local key, arg, foreign = called('lock hash', 'cmd hash', 'audit list')
if foreign then return foreign end
local owner = redis.call('HGET', key.lock, 'owner')
if not owner then
  local act = noted_act(key.audit, arg.act.id)
  return reply(act and { kind = 'freed', owner = act.answer.owner } or { kind = 'not-locked' })
end
-- Of a name that cannot be typed: it says which owner was meant.
local mark = redis.sha1hex(owner)
if owner ~= arg.owner and mark ~= arg.mark then return reply({ kind = 'held-by-another', owner = owner, mark = mark }) end
local rec = fields(key.cmd, 'content', 'outcome')
if rec.content and not rec.outcome then return reply({ kind = 'still-open', owner = owner }) end
note_act(key.audit, arg.act, { owner = owner })
redis.call('DEL', key.lock)
return reply({ kind = 'freed', owner = owner })

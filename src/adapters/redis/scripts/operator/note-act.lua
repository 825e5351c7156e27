-- Notes what a person does outside of the store, before it is done.
local key, arg, foreign = called('audit list')
if foreign then return foreign end
note_act(key.audit, arg.act)
return reply({ kind = 'noted' })

-- Takes a server without a lock out of the index: somebody freed it who does not know the index.
local key = called('lock hash')
if redis.call('EXISTS', key.lock) == 0 then forget_lock(key.lock) end
return reply({ kind = 'saved' })

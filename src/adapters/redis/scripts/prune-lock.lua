-- Takes a server without a lock out of the index: somebody freed it who does not know the index.
-- KEYS lock
local lock = KEYS[1]
if redis.call('EXISTS', lock) == 0 then forget_lock(lock) end
return reply({ kind = 'saved' })

-- May the command of a claimed step start its server now? Only who has the lock may. Asked right before; changes nothing.
local key, arg, foreign = called('cmd hash', 'lock hash', 'epoch hash')
if foreign then return foreign end
local found = redis.call('HGET', key.cmd, 'claim')
if not found then return reply({ kind = 'forgotten' }) end
if found ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
local lock = fields(key.lock, 'owner', 'token')
-- The next claim finds out who has it.
if lock.owner ~= arg.id or lock.token ~= digits(arg.token) then return reply({ kind = 'forgotten' }) end
return reply({ kind = 'go' })

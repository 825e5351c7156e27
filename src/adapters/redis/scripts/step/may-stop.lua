-- May the server of a claimed step be stopped now? Asked right before the stop; changes nothing.
local key, arg, foreign = called('cmd hash', 'epoch hash', unpack(GATE_KEYS))
if foreign then return foreign end
local found = redis.call('HGET', key.cmd, 'claim')
if not found then return reply({ kind = 'forgotten' }) end
if found ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
local hold = brakes('stop', key, arg.ask)
if hold then return reply({ kind = 'held', hold = hold }) end
return reply({ kind = 'go' })

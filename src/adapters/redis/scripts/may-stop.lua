-- May the server of a claimed step be stopped now? Asked right before the stop; changes nothing.
-- KEYS cmd pauses paused epoch
-- ARGV claim claim_epoch ask
local cmd, pauses, paused, epoch_key = unpack(KEYS)
local claim, claim_epoch, ask = unpack(ARGV)
if wrong_type(pauses, 'hash') then return corrupt(pauses, 'is not a hash') end
local found = redis.call('HGET', cmd, 'claim')
if not found then return reply({ kind = 'forgotten' }) end
if found ~= claim then return claim_lost(epoch_key, claim_epoch) end
local hold = brakes(pauses, paused, cjson.decode(ask))
if hold then return reply({ kind = 'held', hold = hold }) end
return reply({ kind = 'go' })

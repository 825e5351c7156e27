-- Takes the next attempt number, which fences off whoever holds the one before.
local key, arg, foreign = called('cmd hash', 'epoch hash')
if foreign then return foreign end
local rec = fields(key.cmd, 'claim', 'attempt', 'attempt_claim')
if not rec.claim then return reply({ kind = 'forgotten' }) end
if rec.claim ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
local attempt, wanted = tonumber(rec.attempt), arg.held + 1
if attempt == wanted and rec.attempt_claim == arg.claim then return reply({ kind = 'taken', attempt = attempt }) end
if attempt ~= arg.held then return reply({ kind = 'fenced' }) end
put(key.cmd, { attempt = wanted, attempt_claim = arg.claim })
return reply({ kind = 'taken', attempt = wanted })

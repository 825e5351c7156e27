-- Takes the next attempt number, which fences off whoever holds the one before.
-- KEYS cmd epoch   ARGV claim claim_epoch held
local cmd, epoch_key = unpack(KEYS)
local claim, claim_epoch, held = ARGV[1], ARGV[2], tonumber(ARGV[3])
local rec = redis.call('HMGET', cmd, 'claim', 'attempt', 'attempt_claim')
if not rec[1] then return reply({ kind = 'forgotten' }) end
if rec[1] ~= claim then return claim_lost(epoch_key, claim_epoch) end
local attempt = tonumber(rec[2])
if attempt == held + 1 and rec[3] == claim then return reply({ kind = 'taken', attempt = attempt }) end
if attempt ~= held then return reply({ kind = 'fenced' }) end
redis.call('HSET', cmd, 'attempt', held + 1, 'attempt_claim', claim)
return reply({ kind = 'taken', attempt = held + 1 })

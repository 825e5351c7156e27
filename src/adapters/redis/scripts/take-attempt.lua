-- Takes the next attempt number, which fences off whoever holds the one before.
-- KEYS cmd   ARGV claim held
local cmd = KEYS[1]
local claim, held = ARGV[1], tonumber(ARGV[2])
local rec = redis.call('HMGET', cmd, 'claim', 'attempt', 'attempt_claim')
if not rec[1] then return reply({ kind = 'forgotten' }) end
if rec[1] ~= claim then return reply({ kind = 'fenced' }) end
local attempt = tonumber(rec[2])
if attempt == held + 1 and rec[3] == claim then return reply({ kind = 'taken', attempt = attempt }) end
if attempt ~= held then return reply({ kind = 'fenced' }) end
redis.call('HSET', cmd, 'attempt', held + 1, 'attempt_claim', claim)
return reply({ kind = 'taken', attempt = held + 1 })

-- Remembers a command that was refused before it was admitted: a repeat is told the same.
-- KEYS cmd active epoch   ARGV id content outcome final ttl_ms hold_ms candidate
local cmd, active, epoch_key = unpack(KEYS)
local id, content, outcome, final, ttl_ms, hold_ms, candidate = unpack(ARGV)
if wrong_type(cmd, 'hash') then return corrupt(cmd, 'is not a hash') end
local epoch = ensure_epoch(epoch_key, candidate, tonumber(hold_ms))
local rec = redis.call('HMGET', cmd, 'content', 'final', 'outcome', 'created')
if rec[1] then
  if rec[1] ~= content or not rec[3] then return reply({ kind = 'id-reused', sinceMs = tonumber(rec[4]) }) end
  return reply({ kind = 'finished', outcome = rec[2], first = false })
end
local now = now_ms()
if now < epoch.open_at then return reply({ kind = 'rebuilding', untilMs = epoch.open_at }) end
redis.call('HSET', cmd, 'content', content, 'wish', '', 'server', '', 'step', 0, 'attempt', 1, 'seq', 2, 'claim', '0:refused',
  'phase', 'done', 'outcome', outcome, 'final', final, 'created', now, 'updated', now)
redis.call('PEXPIRE', cmd, ttl_ms)
redis.call('ZADD', active, now, id)
return reply({ kind = 'finished', outcome = final, first = true })

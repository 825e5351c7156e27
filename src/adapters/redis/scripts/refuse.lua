-- Remembers a message that was refused before it was admitted: a repeat of its bytes is told the same. The id is not used
-- up: another message may be refused under it, or admitted, once the event of the one before is confirmed. Event numbers
-- go on, so that no event id names two contents.
-- KEYS cmd active epoch   ARGV id content outcome final ttl_ms hold_ms candidate sequence swept
-- `swept`: 1 in the index of commands, for the sweeper; 0 for what is refused for a project that is not ours.
local cmd, active, epoch_key = unpack(KEYS)
local id, content, outcome, final, ttl_ms, hold_ms, candidate, sequence, swept = unpack(ARGV)
-- The outcomes of so many other messages under one id are kept beside the last.
local MOST_KEPT = 16
if wrong_type(cmd, 'hash') then return corrupt(cmd, 'is not a hash') end
if wrong_type(epoch_key, 'hash') then return corrupt(epoch_key, 'is not a hash') end
local epoch = ensure_epoch(epoch_key, candidate, tonumber(hold_ms))
local rec = redis.call('HMGET', cmd, 'content', 'final', 'claim', 'created', 'told', 'seq', 'refusals', 'refused:' .. content)
if rec[1] then
  if rec[3] ~= REFUSED then return reply({ kind = 'id-reused', sinceMs = tonumber(rec[4]) }) end
  if rec[1] == content then return reply({ kind = 'finished', outcome = rec[2], first = false }) end
  if rec[8] then return reply({ kind = 'finished', outcome = rec[8], first = false }) end
  if rec[5] ~= '1' then return reply({ kind = 'refusal-unconfirmed' }) end
end
local next_sequence = tonumber(rec[6] or '1')
if tonumber(sequence) ~= next_sequence then return reply({ kind = 'renumber', sequence = next_sequence }) end
local now = now_ms()
if now < epoch.open_at then return reply({ kind = 'rebuilding', untilMs = epoch.open_at }) end

local kept = tonumber(rec[7] or '0')
if rec[1] and kept >= MOST_KEPT then
  redis.call('DEL', cmd)
  kept = 0
end
if rec[1] then redis.call('HSET', cmd, 'refused:' .. rec[1], rec[2], 'refusals', kept + 1) end
redis.call('HSET', cmd, 'content', content, 'wish', '', 'server', '', 'step', 0, 'attempt', 1, 'seq', next_sequence + 1, 'claim', REFUSED,
  'phase', 'done', 'outcome', outcome, 'final', final, 'final_seq', sequence, 'told', swept == '1' and '0' or '1', 'created', now, 'updated', now)
redis.call('PEXPIRE', cmd, ttl_ms)
if swept == '1' then redis.call('ZADD', active, now, id) end
return reply({ kind = 'finished', outcome = final, first = true })

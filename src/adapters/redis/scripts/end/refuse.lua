-- Remembers a message that was refused before it was admitted: a repeat of its bytes gets the same answer. The id is not used
-- up: another message may be refused under it, or admitted, once the event of the one before is confirmed. Event numbers
-- go on, so that no event id names two contents.
local key, arg, foreign = called('cmd hash', 'active zset', 'epoch hash')
if foreign then return foreign end
-- The outcomes of so many other messages under one id are kept beside the last.
local MOST_KEPT = 16
local epoch = ensure_epoch(key.epoch, arg.candidate, arg.holdMs)
local mine = 'refused:' .. arg.content
local rec = fields(key.cmd, 'content', 'final', 'claim', 'created', 'told', 'seq', 'refusals', 'step', 'server', 'tail', mine)
if rec.content then
  if rec.claim ~= REFUSED then return reply({ kind = 'id-reused', sinceMs = tonumber(rec.created) }) end
  local in_the_way = complete(key.cmd, arg.id, rec)
  if in_the_way then return in_the_way end
  if rec.content == arg.content then return reply({ kind = 'finished', outcome = rec.final, first = false }) end
  if rec[mine] then return reply({ kind = 'finished', outcome = rec[mine], first = false }) end
  if rec.told ~= '1' then return reply({ kind = 'refusal-unconfirmed' }) end
end
local next_sequence = tonumber(rec.seq or '1')
if arg.sequence ~= next_sequence then return reply({ kind = 'renumber', sequence = next_sequence }) end
local now = now_ms()
if now < epoch.open_at then return reply({ kind = 'rebuilding', untilMs = epoch.open_at }) end

local kept = tonumber(rec.refusals or '0')
if rec.content and kept >= MOST_KEPT then
  forget_refusals(key.cmd)
  kept = 0
end
local tail = { claim = REFUSED, step = 0, ttl_ms = arg.ttlMs, active = arg.swept, ended = arg.swept and now or nil }
local now_known = {
  content = arg.content, wish = '', server = '', step = 0, attempt = 1, seq = next_sequence + 1, claim = REFUSED,
  phase = 'done', outcome = arg.outcome, final = arg.final, final_seq = arg.sequence, told = arg.swept and '0' or '1',
  created = now, updated = now, tail = cjson.encode(tail) }
if rec.content then
  now_known['refused:' .. rec.content] = rec.final
  now_known.refusals = kept + 1
end
put(key.cmd, now_known)
carry_out(key, arg.id, tail)
return reply({ kind = 'finished', outcome = arg.final, first = true })

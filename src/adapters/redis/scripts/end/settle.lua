-- What became of a command that ended unresolved: stored with its event, the server freed, the command's record marked.
-- The cloud's proof and a person's word come here alike; the first one wins, and a second call gives back its event.
local key, arg, foreign = called('inquiry hash', 'cmd hash', 'lock hash', 'active zset', 'last hash', 'history hash',
  'audit list', 'epoch hash')
if foreign then return foreign end
local rec = fields(key.inquiry, 'content', 'claim', 'step', 'outcome', 'final', 'server', 'told', 'tail')
-- An inquiry that has given up leaves the server to a person.
if rec.outcome == 'over' and not arg.act then return reply({ kind = 'lock-gone' }) end
if rec.outcome and rec.outcome ~= 'over' then
  local again = arg.act and noted_act(key.audit, arg.act.id) ~= nil
  return complete(key.inquiry, arg.id, rec) or reply({ kind = 'settled', outcome = rec.final, first = again })
end
if not is_left_locked(key.cmd, key.lock, arg.owner, arg.token) then return reply({ kind = 'lock-gone' }) end
if arg.act then
  local open_at = young_until(key.epoch)
  if open_at then return reply({ kind = 'rebuilding', untilMs = open_at }) end
  note_act(key.audit, arg.act)
end
local tail = {
  claim = rec.claim or UNRESOLVED, step = tonumber(rec.step or '0'), ttl_ms = arg.ttlMs, active = true, free_lock = true,
  owner = arg.owner, settled = arg.settled,
  -- The cloud has just shown the end; a person speaks of it long after.
  history = arg.as == 'not-reinstalled' and { all_out = true } or { ended = now_ms(), outcome = arg.as, replaces = not arg.act },
  healed_at = arg.healedAt, last_ttl_ms = arg.lastTtlMs,
  forget = { 'outbox', 'resume' } }
put(key.inquiry, { content = rec.content or arg.content, server = arg.server, claim = tail.claim, step = tail.step,
  phase = 'done', outcome = 'settled', final = arg.final, final_seq = 1, updated = now_ms(), tail = cjson.encode(tail) })
carry_out({ cmd = key.inquiry, active = key.active, lock = key.lock, last = key.last, history = key.history }, arg.id, tail)
return reply({ kind = 'settled', outcome = arg.final, first = true })

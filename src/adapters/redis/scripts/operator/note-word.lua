-- A person says of an unresolved command that nothing was reinstalled, and its server may be off by our doing: kept in the inquiry's
-- record. Its next turn starts the server, and then settles it (core/decisions/decide-inquiry.ts). The server stays locked until then.
local key, arg, foreign = called('inquiry hash', 'cmd hash', 'lock hash', 'audit list', 'epoch hash')
if foreign then return foreign end
local rec = fields(key.inquiry, 'outcome', 'resume', 'word')
if rec.outcome or not rec.resume then return reply({ kind = 'inquiry-over' }) end
if not is_left_locked(key.cmd, key.lock, arg.owner, arg.token) then return reply({ kind = 'lock-gone' }) end
local open_at = young_until(key.epoch)
if open_at then return reply({ kind = 'rebuilding', untilMs = open_at }) end
note_act(key.audit, arg.act)
-- The first word counts.
if not rec.word then put(key.inquiry, { word = arg.word }) end
return reply({ kind = 'noted' })

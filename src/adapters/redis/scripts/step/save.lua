-- Saves what a step has come to, and what follows from it.

-- Of the notes of a record (core/state/step-note.ts) the first so many are kept, and the last so many, in the fields `note:<n>`.
local FIRST_NOTES, LAST_NOTES = 40, 20

local function note_field(count)
  if count < FIRST_NOTES then return 'note:' .. count end
  return 'note:' .. FIRST_NOTES + (count - FIRST_NOTES) % LAST_NOTES
end

local key, arg, foreign = called('cmd hash', 'lock hash', 'active zset', 'epoch hash', 'history hash', 'storm hash',
  'pauses hash', 'debt string', unpack(LINE_KEYS))
if foreign then return foreign end
local rec = fields(key.cmd, 'claim', 'step', 'outcome', 'attempt', 'server', 'told', 'tail', 'intent_attempt', 'phase', 'notes')
-- Also where its end is all that is known of it: an inquiry that was forgotten, and then ended.
if rec.outcome then return reply({ kind = 'fenced' }) end
if not rec.claim then return reply({ kind = 'forgotten' }) end
if rec.claim ~= arg.claim then return claim_lost(key.epoch, arg.claimEpoch) end
if tonumber(rec.step) == arg.step then return complete(key.cmd, arg.id, rec) or reply({ kind = 'saved' }) end
local tail = {
  claim = arg.claim, step = arg.step, active = true, paid = arg.paid or nil, place = place_of(arg.place), free_slot = arg.releaseSlot, group = arg.group,
  free_lock = arg.releaseLock, lock_phase = arg.phase,
  history = arg.clearIntent and { out = tonumber(rec.intent_attempt or '') } or nil,
  forget = arg.clearIntent and { 'intent_attempt', 'intent_signed', 'intent_disk', 'intent_claim', 'intent_at' } or nil,
  storm = (arg.waits or arg.phase == 'joined') and { rules = arg.rules, result = 'nothing' } or nil }
local saved = { step = arg.step, phase = arg.phase, attempt = math.max(arg.attempt, tonumber(rec.attempt or '1')),
  seq = arg.nextSequence, outbox = arg.outbox, resume = arg.resume, updated = now_ms(), job = arg.jobId or nil,
  tail = cjson.encode(tail) }
if arg.publishes or rec.phase ~= arg.phase then
  local noted = tonumber(rec.notes or '0')
  saved.notes, saved[note_field(noted)] = noted + 1, arg.note
end
put(key.cmd, saved)
carry_out(key, arg.id, tail)
return reply({ kind = 'saved' })

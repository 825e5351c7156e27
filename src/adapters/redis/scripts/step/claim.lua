-- Claims a later step for one delivery; puts record, lock, slot and place in line back when the store has forgotten them. With `hop` the
-- message only goes on waiting: everything is put back all the same, and the step stays unclaimed. So it stays while the memory is young
-- and a later message of the command may still come (`yields`): a step that is saved now would make that one look like an old copy.
local key, arg, foreign = called('cmd hash', 'lock hash', 'token counter', 'active zset', 'epoch hash', 'debt string', unpack(LINE_KEYS))
if foreign then return foreign end

local rec = fields(key.cmd, 'content', 'step', 'claim', 'claim_base', 'outcome', 'final', 'told', 'seq', 'attempt', 'outbox',
  'restored', 'rebuilt', 'server', 'tail')
if rec.content == arg.content then
  local in_the_way = complete(key.cmd, arg.id, rec)
  if in_the_way then return in_the_way end
end
local epoch = ensure_epoch(key.epoch, arg.candidate, arg.holdMs)
local now = now_ms()
local mine = arg.step .. ':' .. arg.nonce
local restored, taken_over = 'no', false

if rec.content and rec.claim == REFUSED then
  -- Refused while nobody remembered the command: a refusal does not use up its id.
  forget_refusals(key.cmd)
  rec = { seq = rec.seq }
end
if rec.outcome == 'over' then
  return reply({ kind = 'stale' })
elseif not rec.content then
  restored = 'absent'
elseif rec.content ~= arg.content then
  return reply({ kind = 'id-taken' })
elseif rec.outcome then
  return reply({ kind = 'finished', outcome = rec.final, published = rec.told == '1' })
else
  local saved = tonumber(rec.step)
  -- Saved by a sweeper, behind which there is no message, and perhaps never published: whoever brings that step, or brings
  -- an older one again, publishes it. Put back from the next step's message, the record has no outbox: that message is on
  -- its way.
  local by_sweeper = is_swept(rec.claim, saved)
  local publishes = (saved == arg.step and (arg.redelivered or by_sweeper)) or (saved > arg.step and arg.redelivered and by_sweeper)
  if publishes and rec.outbox then return reply({ kind = 'saved', outbox = rec.outbox }) end
  -- Nor is there one behind a sweeper that has the next step and has not saved it yet: this message may be the last.
  local may_be_last = saved == arg.step or (saved > arg.step and arg.redelivered)
  if may_be_last and is_swept(rec.claim, saved + 1) then return reply({ kind = 'fenced' }) end
  if saved >= arg.step then return reply({ kind = 'stale' }) end
  if saved < arg.step - 1 then restored = 'behind' end
  if restored == 'no' and rec.claim and rec.claim ~= mine and string.find(rec.claim, arg.step .. ':', 1, true) == 1 then
    -- Behind a sweeper's claim there is no message: the one that it missed goes on in its stead.
    if not arg.redelivered and not is_swept(rec.claim, arg.step) then return reply({ kind = 'stale' }) end
    taken_over = true
  end
  -- Put back for this step by an earlier claim, and not saved since: what was not known then is not known now.
  if restored == 'no' and rec.restored then
    local at, how = string.match(rec.restored, '^(%d+):(%a+)$')
    if tonumber(at) == arg.step then restored = how end
  end
end

local foreign_epoch = arg.messageEpoch ~= epoch.id
-- A record that was put back from nothing is the word of another message: of what was before, it knows no more than nothing.
if foreign_epoch and rec.rebuilt == epoch.id then restored = 'absent' end
-- This memory began before anybody can have taken the message, or a copy of it: what it does not know was not done.
local unseen = arg.unseenUntil and epoch.since < arg.unseenUntil
local yields = arg.yields and now < epoch.open_at and foreign_epoch and not unseen
local unclaimed = arg.hop or yields
local base = math.max(tonumber(rec.seq or '1'), arg.sequence)
if rec.claim == mine then base = tonumber(rec.claim_base)
elseif foreign_epoch or restored ~= 'no' then base = fresh_sequence(base) end

if restored ~= 'no' then
  put(key.cmd, { content = arg.content, wish = arg.wish, server = arg.server, order = arg.order, step = arg.step - 1,
    attempt = math.max(tonumber(rec.attempt or '1'), arg.attempt), phase = arg.phase, resume = arg.resume,
    restored = arg.step .. ':' .. restored, seq = base })
  redis.call('HSETNX', key.cmd, 'created', digits(arg.placeAt or now))
  if restored == 'absent' then put(key.cmd, { rebuilt = epoch.id }) end
  redis.call('HDEL', key.cmd, 'outbox')
end
local at = claimed_at(key.cmd, rec.claim == mine)
if not unclaimed then
  put(key.cmd, { claim = mine, claim_at = at, claim_base = base, seq = base + arg.block, updated = now })
elseif restored ~= 'no' then
  -- Whoever held an older step must not save it over what was put back.
  put(key.cmd, { claim = '', claim_base = base, seq = base, updated = now })
else
  put(key.cmd, { updated = now })
end
redis.call('ZADD', key.active, now, arg.id)

local held = 'none'
if arg.messageToken then
  local owner = redis.call('HGET', key.lock, 'owner')
  if arg.inquiry and (owner or restored == 'no') then
    -- A lock that is gone while its inquiry is remembered was freed by a person.
    local command = string.sub(key.cmd, 1, -#INQUIRY - 1)
    held = is_left_locked(command, key.lock, arg.owner, arg.messageToken) and 'held' or 'lost'
  elseif not owner then
    -- Before the lock: who finds that taken asks for no number any more.
    if tonumber(redis.call('GET', key.token) or '0') < arg.messageToken then redis.call('SET', key.token, digits(arg.messageToken)) end
    put(key.lock, { owner = arg.owner, token = arg.messageToken, operation = 'reinstall', since = now, phase = arg.phase })
    held = 'held'
  elseif owner == arg.owner then held = 'held'
  else held = 'lost' end
  note_lock(key.lock)
end
-- More slots than the cap may be held then: nobody is thrown out, and nothing new starts.
if arg.slot then give_slot(key, arg.owner, arg.group) end
local arrived = tonumber(redis.call('HGET', key.cmd, 'created'))
come_back(key, arg.owner, { line = arg.line, waits = arg.waits, at = arrived, group = arg.group }, arg.keepsTurn)
if arg.hop then
  return reply({ kind = 'waits', atMs = now, cancelled = redis.call('HGET', key.cmd, 'cancel') == '1',
    mayHaveRun = taken_over or (foreign_epoch and restored ~= 'no' and not unseen) })
end
if yields then return reply({ kind = 'rebuilding', untilMs = epoch.open_at }) end

local now_rec = fields(key.cmd, 'attempt', 'intent_attempt', 'intent_signed', 'intent_disk', 'job', 'cancel',
  'cancel_by', 'cancel_why', 'word')
local intent = cjson.null
if now_rec.intent_attempt then
  intent = { attempt = tonumber(now_rec.intent_attempt), signedAtMs = cjson.null, diskId = now_rec.intent_disk }
  if now_rec.intent_signed ~= '' then intent.signedAtMs = tonumber(now_rec.intent_signed) end
end
local rebuilding = cjson.null
if now < epoch.open_at then rebuilding = epoch.open_at end
return reply({
  kind = 'claimed', nonce = arg.nonce, step = arg.step, sequence = base, epoch = epoch.id, atMs = at, arrivedMs = arrived,
  waitingCommands = redis.call('ZCARD', key.waiting),
  slot = has_slot(key, arg.owner), rebuildingUntilMs = rebuilding,
  attempt = { attempt = tonumber(now_rec.attempt), intent = intent, jobId = or_null(now_rec.job) },
  debt = arg.takesDebt and held == 'held' and redis.call('GET', key.debt) or cjson.null,
  word = or_null(now_rec.word), takenOver = taken_over, restored = restored, foreignEpoch = foreign_epoch, unseen = unseen, lock = held,
  cancelRequest = now_rec.cancel == '1' and { by = or_null(now_rec.cancel_by), why = or_null(now_rec.cancel_why) }
    or cjson.null })

-- Step 0: dedup by id and content, superseded, brakes, lock and slot; creates the record and claims the step.
local key, arg, foreign = called('cmd hash', 'lock hash', 'token counter', 'active zset', 'epoch hash', 'last hash',
  unpack(GATE_KEYS))
if foreign then return foreign end

local rec = fields(key.cmd, 'content', 'step', 'claim', 'claim_base', 'outcome', 'final', 'told', 'seq', 'phase', 'updated',
  'job', 'outbox', 'created', 'claim_epoch', 'doubt', 'order', 'server', 'tail')
-- By a version that took ids in the case in which they were sent, perhaps.
local same = rec.content and (rec.content == arg.content or rec.content == arg.contentAsSent)
if same then
  local in_the_way = complete(key.cmd, arg.want.id, rec)
  if in_the_way then return in_the_way end
end
local epoch = ensure_epoch(key.epoch, arg.candidate, arg.holdMs)
local now = now_ms()
local mine = '0:' .. arg.nonce
local base, may_have_run = 1, false
-- Delivered before, at a time when the store's memory was not settled; or another delivery, or a copy, may have been
-- taken before this memory began: what is not on record proves nothing.
local forgotten = (arg.mayHaveRun and epoch.open_at > arg.arrivedAt)
  or (arg.unseenUntil and epoch.since >= arg.unseenUntil)

-- Messages that were refused do not use an id up. The event of the last comes before any of the command's own.
local refused = rec.content and rec.claim == REFUSED
if refused and rec.told ~= '1' then return reply({ kind = 'refusal-unconfirmed' }) end

if rec.content and not refused then
  if not same then return reply({ kind = 'id-reused', sinceMs = tonumber(rec.created) }) end
  local view = {
    phase = rec.phase, sequence = tonumber(rec.seq), updatedAtMs = tonumber(rec.updated),
    outcome = or_null(rec.outcome), jobId = or_null(rec.job) }
  if not arg.redelivered and rec.claim ~= mine then return reply({ kind = 'duplicate', view = view }) end
  -- Redelivered: the original again, or a copy of it. Nothing in a message distinguishes the two but where it asks for
  -- its answer; a copy that asks where the original did has its answer in the original's final event.
  local elsewhere = rec.claim ~= mine and address_of(rec.order) ~= address_of(arg.order)
  local step = tonumber(rec.step)
  if rec.outcome then
    -- Published before this copy arrived, perhaps: its sender waits for an answer.
    if rec.told == '1' then return reply({ kind = 'duplicate', view = view }) end
    return reply({ kind = 'finished', outcome = rec.final, published = false, duplicate = elsewhere and view or cjson.null })
  end
  if elsewhere and step >= 0 then return reply({ kind = 'duplicate', view = view }) end
  -- A record that was put back from the next step's message has no outbox: that message is on its way. Behind what a sweeper
  -- has saved there is none (claim.lua): this one may be the last.
  if rec.outbox and (step == 0 or (step > 0 and is_swept(rec.claim, step))) then return reply({ kind = 'saved', outbox = rec.outbox }) end
  -- Nor is there one behind a sweeper that has the next step and has not saved it yet.
  if step >= 0 then return reply({ kind = is_swept(rec.claim, step + 1) and 'fenced' or 'handed-over' }) end
  base = tonumber(rec.seq)
  -- Whoever takes it over is as uncertain as the one before. Of another memory the next steps may be lost, and numbers that
  -- were published.
  local older = rec.claim_epoch ~= epoch.id
  may_have_run = rec.doubt == '1' or (older and forgotten)
  if older and now < epoch.open_at then return reply({ kind = 'rebuilding', untilMs = epoch.open_at, mayHaveRun = may_have_run }) end
  if rec.claim == mine then base = tonumber(rec.claim_base)
  elseif older then base = fresh_sequence(base) end
else
  -- A server that this id has locked, and no record of it: it ended unresolved and was forgotten. It may have been carried out.
  may_have_run = forgotten or redis.call('HGET', key.lock, 'owner') == arg.want.id
  if now < epoch.open_at then return reply({ kind = 'rebuilding', untilMs = epoch.open_at, mayHaveRun = may_have_run }) end
  if refused then base = tonumber(rec.seq) end
  if may_have_run then base = fresh_sequence(base) end
  -- With its expiry.
  if refused then forget_refusals(key.cmd) end
  put(key.cmd, { content = arg.content, wish = arg.want.wish, server = arg.server, step = -1, attempt = 1, phase = 'admit',
    created = math.min(now, arg.arrivedAt), seq = base })
end
-- The order of the delivery that goes on: its address gets the final event.
local at = claimed_at(key.cmd, rec.claim == mine)
put(key.cmd, { content = arg.content, order = arg.order, claim = mine, claim_at = at, doubt = may_have_run and '1' or '0',
  claim_epoch = epoch.id, claim_base = base, seq = base + arg.block, updated = now })
redis.call('ZADD', key.active, now, arg.want.id)

local arrived = tonumber(redis.call('HGET', key.cmd, 'created'))
local answer, verdicts = nil, cjson.null
if arg.dryRun then
  answer, verdicts = would_start(key, arg.want, arg.ask), every_verdict(key, arg.ask, 'admission')
else
  arg.want.mayHaveRun = may_have_run
  answer = try_start(key, arg.want, arg.ask, arrived)
end
return reply({ kind = 'claimed', nonce = arg.nonce, step = 0, sequence = base, epoch = epoch.id, atMs = at, arrivedMs = arrived,
  waitingCommands = redis.call('ZCARD', key.waiting), slot = answer.kind == 'acquired' and not arg.dryRun, lock = answer,
  verdicts = verdicts, mayHaveRun = may_have_run })

-- Who may start, and who is next. The loader puts this after the gate.

-- So many of a server's line are looked at, and so many holders of a slot for whether they have ended.
local MOST_WAITERS = 50
local MOST_HOLDERS = 100

-- So many of a slot line are looked at for whether their turn has passed: what those far behind may cost. Their asking is what
-- frees a line whose first are all gone.
local FIRST_LOOKED_AT = 20

-- A command that wishes the same and has its reinstall before it. One that has ended, and left the server locked, has no
-- result to share.
local function shares(record_key, wish)
  if redis.call('TYPE', record_key).ok ~= 'hash' then return false end
  local known = fields(record_key, 'content', 'wish', 'outcome', 'phase')
  return not not known.content and known.wish == wish and not known.outcome and known.phase ~= 'joined'
end

-- What a brake holds by: another command, of another group, goes on.
local HELD_BY = { pause = 'group', approval = 'group', source = 'source', sender = 'sender' }

-- Is another command held by what does not hold this one, which is free? Whoever joined it would wait with it.
local function is_held_alone(record_key, ask)
  local readable, message = pcall(cjson.decode, redis.call('HGET', record_key, 'resume') or '')
  local its = readable and type(message) == 'table' and message or {}
  if type(its.state) ~= 'table' or type(its.order) ~= 'table' or its.state.phase ~= 'waiting' then return false end
  local by = its.state.waitsFor
  local label = HELD_BY[by]
  return overrides(ask, by) or (label and its.order[label] ~= ask[label]) or false
end

-- Of those before a command in its server's line: the first that it may join, and the first that it waits behind. `free_by`:
-- what the gate was asked, of a command that no brake holds.
local function before_in_line(key, want, free_by)
  local line = redis.call('ZRANGE', key.waiters, 0, MOST_WAITERS - 1)
  if #line == 0 then return nil, nil end
  local turns, now = redis.call('HMGET', key.lineUntil, unpack(line)), now_ms()
  local leader, behind
  for index, other in ipairs(line) do
    if other == want.id then return leader, behind end
    local record = want.commandPrefix .. other
    if not leader and shares(record, want.wish) and not (free_by and is_held_alone(record, free_by)) then leader = other end
    if not behind and tonumber(turns[index] or '0') > now then behind = other end
  end
  if #line == MOST_WAITERS and not behind then behind = line[1] end
  return leader, behind
end

-- The caps that a command is under: that of its group, and the project's, which other brakes may lower.
local function caps_of(key, ask)
  local caps = {}
  local of_group = ask.rules.maxRunningPerGroup
  if ask.group and of_group > 0 then
    caps[1] = { brake = 'group-cap', slots = key.groupSlots, line = key.groupLine, cap = of_group }
  end
  local cap, by, why = effective_cap(key, ask, ask.rules.maxRunning)
  caps[#caps + 1] = { brake = 'cap', slots = key.slots, line = key.line, cap = cap, by = by, because = why }
  return caps
end

local function held_by_cap(of, ahead)
  return { brake = of.brake, verdict = 'wait', ahead = ahead, cap = of.cap, running = redis.call('ZCARD', of.slots),
    loweredBy = of.by, because = of.because }
end

-- Takes the call of a first look together with the slot, so that who waits for calls stays in line and makes none. The hold,
-- or in how many ms the call may be made; neither: nobody counts calls, or there will be no look.
local function call_for_look(key, want, ask)
  if ask.calls.limits.perSecond == 0 or want.mayHaveRun or has_slot(key, want.id) then return nil, nil end
  ask.calls.ahead = redis.call('ZRANK', key.line, want.id) or 0
  local taken = take_calls(key.calls, ask.calls)
  if taken.granted then return nil, taken.delay end
  local caps = caps_of(key, ask)
  local hold = held_by_cap(caps[#caps], ask.calls.ahead)
  hold.loweredBy, hold.because, hold.callsInMs = 'throttled', nil, taken.delay
  return hold, nil
end

-- Takes a slot from each whose command has ended or is gone: what a lost write may leave. Only when all are taken.
local function drop_ended(key, slots, command_prefix)
  for _, id in ipairs(redis.call('ZRANGE', slots, 0, MOST_HOLDERS - 1)) do
    local kind = redis.call('TYPE', command_prefix .. id).ok
    local rec = kind == 'hash' and fields(command_prefix .. id, 'content', 'outcome')
    if kind == 'none' or (rec and (not rec.content or rec.outcome)) then
      redis.call('ZREM', slots, id)
      redis.call('INCR', key.dropped)
    end
  end
end

local function free_slots(key, of, command_prefix)
  if redis.call('ZCARD', of.slots) >= of.cap then drop_ended(key, of.slots, command_prefix) end
  return of.cap - redis.call('ZCARD', of.slots)
end

-- Puts out of a slot line, of its first `places`, who is overdue: their next try puts them back at their old place.
local function put_out_overdue(key, line, id, places)
  local first = redis.call('ZRANGE', line, 0, places - 1)
  local turns, now = redis.call('HMGET', key.lineUntil, unpack(first)), now_ms()
  for index, other in ipairs(first) do
    if other ~= id and tonumber(turns[index] or '0') <= now then redis.call('ZREM', line, other) end
  end
end

-- Stands in the line of one cap and asks for its turn: nil, or the hold. An overdue one keeps nobody from a slot but those
-- that are nearer than there are free slots: so many places are looked at, and not the whole line at each try.
local function wait_for_turn(key, of, want, place)
  redis.call('ZADD', of.line, digits(place), want.id)
  local is_near = redis.call('ZRANK', of.line, want.id) < 2 * of.cap
  local free = is_near and of.cap - redis.call('ZCARD', of.slots) or 0
  put_out_overdue(key, of.line, want.id, math.min(2 * of.cap, math.max(FIRST_LOOKED_AT, free)))
  local ahead = redis.call('ZRANK', of.line, want.id)
  -- Most of a long line are too far behind for any slot: what they ask costs little.
  if ahead < of.cap and ahead < free_slots(key, of, want.commandPrefix) then return nil end
  return held_by_cap(of, ahead)
end

-- The first cap that has no slot for the command; nil: it may have one of each. It stands in line for that then.
local function held_in_line(key, want, ask, place)
  if has_slot(key, want.id) then return nil end
  for _, of in ipairs(caps_of(key, ask)) do
    local hold = wait_for_turn(key, of, want, place)
    if hold then
      if of.brake == 'group-cap' then redis.call('ZREM', key.line, want.id) end
      return hold
    end
  end
  return nil
end

-- What is known of a server's earlier reinstalls: `known`; `none` in a memory that goes back far enough; or `lost`: a
-- memory that is younger than what the brakes look back on may have forgotten them.
local function history_known(key, ask)
  if redis.call('EXISTS', key.history) == 1 then return 'known' end
  local since = tonumber(redis.call('HGET', key.epoch, 'since') or '') or now_ms()
  local looks_back = math.max(ask.rules.serverLimit > 0 and ask.rules.serverWindowMs or 0, ask.rules.cooldownMs)
  return now_ms() - since < looks_back and 'lost' or 'none'
end

-- Lock and slot, together; the same answer when it has them.
local function give_both(key, id, ask, call_in)
  for _, brake in ipairs(BRAKES) do
    if brake.started then brake.started(key, ask) end
  end
  give_slot(key, id, ask.group)
  leave_lines(key, id)
  -- The lock last: whoever has it has all the rest.
  local owned = fields(key.lock, 'owner', 'token')
  local token = tonumber(owned.token or '')
  if owned.owner ~= id then
    token = redis.call('INCR', key.token)
    put(key.lock, { owner = id, token = token, operation = 'reinstall', since = now_ms(), phase = 'admit' })
  end
  note_lock(key.lock)
  -- After that: asked again, it must find the storm of asks as it was.
  redis.call('ZREM', key.waiting, id)
  return { kind = 'acquired', token = token, callInMs = call_in, history = history_known(key, ask) }
end

-- The answer to a command that wants to start: superseded; not before its time; whom it shares a reinstall with, or waits
-- behind; what holds it; or its lock and slot. `want` is { id, wish, observedAt?, notBefore?, join, mayHaveRun, commandPrefix }, `place`
-- its first arrival. Writes to nothing but the lines, and the count of asks, before it gives both.
local function answer_start(key, want, ask, place)
  local healed = healed_since(key.last, want.observedAt)
  if healed then return { kind = 'superseded', healedAtMs = healed } end
  if want.notBefore and now_ms() < want.notBefore then
    note_ask(key, ask)
    return { kind = 'held', hold = { brake = 'not-before', verdict = 'wait', untilMs = want.notBefore } }
  end
  redis.call('ZADD', key.waiters, digits(place), want.id)
  local owner = redis.call('HGET', key.lock, 'owner')
  if owner then note_lock(key.lock) end
  local hold = brakes('admission', key, ask)
  local leader, behind = before_in_line(key, want, not hold and ask or nil)
  if owner then
    leader, behind = nil, nil
    if owner ~= want.id then
      behind = owner
      if shares(want.commandPrefix .. owner, want.wish) then leader = owner end
    end
  end
  local joins = want.join and not want.mayHaveRun and leader
  -- Who may never start may not share a reinstall either; who is only held back may. The quarantine counts reinstalls: sharing
  -- one that has the server is none.
  local shares_its_last = joins and leader == owner and hold and hold.brake == 'quarantine'
  if hold and hold.verdict == 'no' and not shares_its_last then return { kind = 'held', hold = hold } end
  if joins then return { kind = 'busy', holder = leader, sameWish = true } end
  -- Whoever shares no reinstall asks for one of its own, now or later.
  note_ask(key, ask)
  if hold then return { kind = 'held', hold = hold } end
  if behind then
    return { kind = 'busy', holder = behind, sameWish = shares(want.commandPrefix .. behind, want.wish) }
  end
  keep_turn(key, want.id)
  local full = held_in_line(key, want, ask, place)
  if full then return { kind = 'held', hold = full } end
  local short, call_in = call_for_look(key, want, ask)
  if short then return { kind = 'held', hold = short } end
  return give_both(key, want.id, ask, call_in)
end

-- The same, and what follows from it in lines, lock and slot: who may not start has neither. Only a command that may have
-- been carried out in a memory that is lost keeps the lock that it left behind then.
local function try_start(key, want, ask, place)
  local answer = answer_start(key, want, ask, place)
  local hold = answer.hold
  if answer.kind == 'acquired' then return answer end
  local joins = answer.kind == 'busy' and answer.sameWish and want.join and not want.mayHaveRun
  local ends = answer.kind == 'superseded' or (hold and hold.verdict == 'no')
  if not joins and not ends then redis.call('ZADD', key.waiting, digits(place), want.id) end
  -- What ends, or may not begin yet, stands in nobody's way.
  if ends or (hold and hold.brake == 'not-before') then leave_lines(key, want.id)
  elseif answer.kind == 'busy' then
    leave_slot_lines(key, want.id)
    keep_turn(key, want.id)
  elseif hold.brake ~= 'cap' and hold.brake ~= 'group-cap' then
    leave_slot_lines(key, want.id)
    redis.call('HDEL', key.lineUntil, want.id)
  end
  -- Last: asked again by who has neither, a young memory would answer otherwise.
  if not want.mayHaveRun then free_lock(key.lock, want.id) end
  free_slot(key, want.id)
  return answer
end

-- The same for a dry run, which takes and changes nothing: what the brakes say is answered beside it.
local function would_start(key, want, ask)
  local healed = healed_since(key.last, want.observedAt)
  if healed then return { kind = 'superseded', healedAtMs = healed } end
  local owner = redis.call('HGET', key.lock, 'owner')
  if owner then note_lock(key.lock) end
  local _, behind = before_in_line(key, want)
  if owner or behind then return { kind = 'busy', holder = owner or behind, sameWish = false } end
  return { kind = 'acquired', token = 0, history = history_known(key, ask) }
end

-- The slot that a command must have to record an intent. One that has none (its message is of an older worker, or was put
-- back) takes a free one; the hold when there is none.
local function need_slot(key, id, ask, command_prefix)
  if has_slot(key, id) then return nil end
  for _, of in ipairs(caps_of(key, ask)) do
    if free_slots(key, of, command_prefix) < 1 then return held_by_cap(of, redis.call('ZCARD', of.line)) end
  end
  give_slot(key, id, ask.group)
  return nil
end

-- The calls to the cloud that a project may make: one bucket for all replicas. src/core/calls/call-bucket.ts is the same, and says
-- why; src/core/calls/call-rate.ts decides what is learned. The hash `calls` holds
--   tokens, at           calls in hand at that instant; below 0: so many are taken ahead
--   denied1 … denied4    since when a class has got nothing
--   second, used, used_before  calls that were taken in that second (epoch s), and in the one before; those that a worker has
--                        in hand (take_spare) only once it has made them
--   rate, depth          calls a second, and at once, that were learned; absent: those that are configured
--   held                 no call before this instant
--   version, ceiling, changed, lowered, stated_until, hold, passed  what the next change goes by (learn-rate.ts)

-- How fast calls may be made now. `limits`: { perSecond, burst }, as they are configured.
local function pace_of(calls_key, limits)
  local known = fields(calls_key, 'rate', 'depth', 'held')
  local rate = tonumber(known.rate or '') or 0
  local pace = { per_second = limits.perSecond, depth = limits.burst, held = tonumber(known.held or '') or 0 }
  if rate > 0 then
    pace.per_second = math.min(rate, limits.perSecond)
    pace.depth = math.max(1, math.min(tonumber(known.depth or '') or 1, limits.burst))
  end
  return pace
end

-- The fields `second`, `used` and `used_before` with so many calls more. `known` has them as they are.
local function used_with(known, calls, now)
  local second, used, before = math.floor(now / 1000), calls, 0
  local last = tonumber(known.second or '') or 0
  if last == second then used, before = used + (tonumber(known.used or '') or 0), tonumber(known.used_before or '') or 0
  elseif last == second - 1 then before = tonumber(known.used or '') or 0 end
  return { second = second, used = used, used_before = before }
end

-- Takes calls together: { granted = true, delay, spacing } in ms, or { granted = false, delay }. `ask`: { class, calls, ahead, reachMs,
-- owedReachMs, shareCalls, forgottenAfter, limits }.
local function take_calls(calls_key, ask)
  local pace, now = pace_of(calls_key, ask.limits), now_ms()
  local denied_field = 'denied' .. digits(ask.class)
  local known = fields(calls_key, 'tokens', 'at', 'second', 'used', 'used_before', 'denied1', 'denied2', 'denied3', 'denied4')
  local tokens, at = tonumber(known.tokens or '') or pace.depth, tonumber(known.at or '') or now
  local per_ms, from = pace.per_second / 1000, math.max(now, pace.held, at)
  tokens = math.min(pace.depth, tokens + (from - at) * per_ms)
  local spaced = ask.calls > pace.depth
  local function in_ms(calls) return from - now + math.max(0, calls - tokens) / per_ms end
  local delay = ask.calls == 0 and from - now or in_ms(spaced and 1 or ask.calls)
  local share, owed = ask.shareCalls / per_ms, 0
  local function age_of(field) return now - (tonumber(known[field] or '') or now) end
  local function is_owed(field) return age_of(field) >= share and age_of(field) < ask.forgottenAfter * share end
  local reach = ask.reachMs
  if is_owed(denied_field) then reach = ask.owedReachMs
  -- A bucket that is full has been so for as long as nobody asked, those to whom a call is left included.
  elseif tokens < pace.depth then
    for class = 1, 4 do owed = owed + (is_owed('denied' .. class) and 1 or 0) end
  end
  local after_others = delay + in_ms(ask.calls * (1 + ask.ahead) + owed) - in_ms(ask.calls)
  if ask.calls > 0 and after_others > reach then
    if not known[denied_field] or age_of(denied_field) >= ask.forgottenAfter * share then
      put(calls_key, { [denied_field] = now })
    end
    return { granted = false, delay = math.ceil(after_others) }
  end
  if ask.calls > 0 then
    local taken = used_with(known, ask.calls, now)
    taken.tokens, taken.at = tokens - ask.calls, from
    put(calls_key, taken)
    if known[denied_field] then redis.call('HDEL', calls_key, denied_field) end
  end
  return { granted = true, delay = math.ceil(delay), spacing = spaced and math.ceil(1 / per_ms) or 0 }
end

-- Right after take_calls has given some at once: further calls, at most so many, for a worker that will need them soon and
-- asks no more for each. Only out of plenty: half of the bucket stays for the others, and nobody has got nothing or was
-- turned away by the cloud lately.
local function take_spare(calls_key, wanted, limits)
  if wanted == 0 then return 0 end
  local known = fields(calls_key, 'tokens', 'rate', 'held', 'denied1', 'denied2', 'denied3', 'denied4')
  if (tonumber(known.rate or '') or 0) > 0 or (tonumber(known.held or '') or 0) > now_ms() then return 0 end
  if known.denied1 or known.denied2 or known.denied3 or known.denied4 then return 0 end
  local tokens = tonumber(known.tokens or '') or 0
  local spare = math.max(0, math.min(wanted, math.floor(tokens - limits.burst / 2)))
  if spare > 0 then put(calls_key, { tokens = tokens - spare }) end
  return spare
end

-- So many calls were made that a worker had in hand.
local function note_drawn(calls_key, drawn)
  if drawn == 0 then return end
  put(calls_key, used_with(fields(calls_key, 'second', 'used', 'used_before'), drawn, now_ms()))
end

-- No more work in progress than the rate can carry (`slotsAt` of src/core/calls/call-rate.ts).
local function slots_at(per_second, work_seconds)
  return math.max(1, math.floor(per_second * work_seconds))
end

-- What was learned, for the worker that decides what follows from an answer of the cloud.
local function learned_of(calls_key)
  local known = fields(calls_key, 'version', 'rate', 'depth', 'ceiling', 'changed', 'lowered', 'stated_until', 'held', 'hold', 'passed')
  local named = {}
  for stored, name in pairs({ version = 'version', rate = 'perSecond', depth = 'depth', ceiling = 'ceiling', changed = 'changedMs',
    lowered = 'loweredMs', stated_until = 'statedUntilMs', held = 'heldUntilMs', hold = 'holdMs', passed = 'passedMs' }) do
    named[name] = tonumber(known[stored] or '') or 0
  end
  return named
end

-- The most calls that were taken in one of the last two seconds.
local function calls_used(calls_key)
  local known = fields(calls_key, 'second', 'used', 'used_before')
  local second, age = tonumber(known.second or '') or 0, 0
  age = math.floor(now_ms() / 1000) - second
  if age > 1 then return 0 end
  local used = tonumber(known.used or '') or 0
  return age == 0 and math.max(used, tonumber(known.used_before or '') or 0) or used
end

-- Of the calls that may go out at once, those that are there now, 0 to 1.
local function calls_left(calls_key, limits)
  local pace, now, known = pace_of(calls_key, limits), now_ms(), fields(calls_key, 'tokens', 'at')
  if pace.held > now then return 0 end
  local tokens, at = tonumber(known.tokens or '') or pace.depth, tonumber(known.at or '') or now
  tokens = tokens + math.max(0, now - at) * pace.per_second / 1000
  return math.max(0, math.min(1, tokens / pace.depth))
end

-- A call that was begun then has passed.
local function note_passed(calls_key, begun)
  if not begun then return end
  if begun > (tonumber(redis.call('HGET', calls_key, 'passed') or '') or 0) then put(calls_key, { passed = begun }) end
end

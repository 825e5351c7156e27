-- What one poll of a job is to do: ask for its job, see the list of servers that is there, make one, or wait for who makes it.
-- src/core/calls/list-round.ts says why. The hash `round` holds
--   window, polls, before   the window (its number) in which polls are counted, those in it, and in the one before
--   at, pages               when the youngest list was begun, and how many pages it has
--   begun                   when the list was begun that is being made; 0: none is
--   held, fails             no list before this instant; lists in a row that failed
local key, arg, foreign = called('round hash')
if foreign then return foreign end
local now, rules = now_ms(), arg.rules
local known = fields(key.round, 'window', 'polls', 'before', 'at', 'pages', 'begun', 'held', 'fails')
local function number(name) return tonumber(known[name] or '') or 0 end
local window, polls, before = math.floor(now / rules.windowMs), 1, 0
if window == number('window') then polls, before = number('polls') + 1, number('before')
elseif window == number('window') + 1 then before = number('polls') end
put(key.round, { window = window, polls = polls, before = before })
redis.call('PEXPIRE', key.round, digits(arg.ttlMs))
if now < number('held') then return reply({ kind = 'alone', why = 'held' }) end
local pages = math.max(1, number('pages'))
if math.max(polls, before) * rules.freshMs / rules.windowMs <= pages * rules.worth then
  return reply({ kind = 'alone', why = 'few' })
end
local function is_within(since, for_ms) return now >= since and now - since <= for_ms end
if is_within(number('at'), rules.freshMs) then return reply({ kind = 'listed', atMs = number('at') }) end
if is_within(number('begun'), rules.leaseMs) then return reply({ kind = 'awaited' }) end
if number('begun') > 0 then
  local for_ms = math.min(rules.longestHoldMs, rules.holdMs * 2 ^ math.min(number('fails'), 20))
  put(key.round, { begun = 0, fails = number('fails') + 1, held = now + for_ms })
  return reply({ kind = 'alone', why = 'held' })
end
put(key.round, { begun = now })
return reply({ kind = 'listing', begunMs = now })

-- What became of the list that was begun then (src/core/calls/list-round.ts). `pages` more than 0: it is made,
-- and `list` its text; `failed`: no list for a while; else no call was left for it.
local key, arg, foreign = called('round hash', 'list string')
if foreign then return foreign end
local known = fields(key.round, 'begun', 'fails')
if (tonumber(known.begun or '') or 0) ~= arg.begunMs then return reply({ kind = 'late' }) end
local changed, rules = { begun = 0 }, arg.rules
if arg.pages > 0 then
  redis.call('SET', key.list, arg.list, 'PX', digits(arg.ttlMs))
  changed.at, changed.pages, changed.fails = arg.begunMs, arg.pages, 0
elseif arg.failed then
  local fails = tonumber(known.fails or '') or 0
  local for_ms = math.min(rules.longestHoldMs, rules.holdMs * 2 ^ math.min(fails, 20))
  changed.fails, changed.held = fails + 1, now_ms() + math.max(arg.atLeastMs, for_ms)
end
put(key.round, changed)
return reply({ kind = 'ended' })

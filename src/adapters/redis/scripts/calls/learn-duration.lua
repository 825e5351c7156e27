-- Keeps how long a job took, before what is known of its kind: durations[kind] is a list of ms, the latest first.
local key, arg, foreign = called('durations hash')
if foreign then return foreign end
local read, known = pcall(cjson.decode, fields(key.durations, arg.kind)[arg.kind] or '[]')
local latest = { arg.tookMs }
if read and type(known) == 'table' then
  for index = 1, math.min(#known, arg.keep - 1) do latest[index + 1] = known[index] end
end
put(key.durations, { [arg.kind] = cjson.encode(latest) })
redis.call('PEXPIRE', key.durations, digits(arg.ttlMs))
return reply({ kind = 'kept', tookMs = latest })

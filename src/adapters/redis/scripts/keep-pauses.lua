-- A worker puts back the pauses that it remembers: of each scope the newest entry stays. Entries of pauses that were
-- lifted long ago go. Answers everything that stands then.
local key, arg, foreign = called('pauses hash', 'seen counter')
if foreign then return foreign end
local now, put_back = now_ms(), 0
for scope, entry in pairs(arg.remembered) do
  local text = redis.call('HGET', key.pauses, scope)
  local known = text and pause_entry(text)
  -- What nobody can read stays until a person sets or lifts it: it may be a pause.
  if not known or (not known.unreadable and known.atMs < entry.atMs) then
    put(key.pauses, { [scope] = cjson.encode(entry) })
    put_back = put_back + 1
  end
end
local flat, standing, newest = redis.call('HGETALL', key.pauses), {}, 0
for index = 1, #flat, 2 do
  local entry = pause_entry(flat[index + 1])
  if not entry.on and entry.atMs < now - arg.keepMs then redis.call('HDEL', key.pauses, flat[index])
  else
    standing[flat[index]] = entry
    newest = math.max(newest, entry.atMs)
  end
end
-- Up to when some worker has the pauses in its memory: what `pause` waits for.
if newest > tonumber(redis.call('GET', key.seen) or '0') then redis.call('SET', key.seen, digits(newest)) end
return reply({ kind = 'kept', entries = standing, putBack = put_back })

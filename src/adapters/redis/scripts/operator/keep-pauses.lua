-- A worker puts back the pauses that it remembers: of each scope the newest entry stays. Entries of pauses that were
-- lifted long ago go. Answers everything that stands then. With the entry of a storm of failures goes what the storm is at
-- (`storm`, storm.lua), which Redis keeps beside it. Ends a storm of asks that is over, also where no command is left to do it.
local key, arg, foreign = called('pauses hash', 'seen counter', 'storm hash', 'waiting zset')
if foreign then return foreign end
local now, put_back = now_ms(), 0
for scope, entry in pairs(arg.remembered) do
  local text, progress, lost = redis.call('HGET', key.pauses, scope), entry.storm, false
  local known = text and pause_entry(text)
  entry.storm = nil
  -- What nobody can read stays until a person sets or lifts it: it may be a pause.
  if not known or (not known.unreadable and known.atMs < entry.atMs) then
    put(key.pauses, { [scope] = cjson.encode(entry) })
    known, lost = entry, true
  end
  -- Also where a worker that does not know this has put back the entry alone.
  if progress and known.atMs == entry.atMs then lost = put_back_storm(key.storm, progress, entry.atMs) or lost end
  if lost then put_back = put_back + 1 end
end
end_asks(key, arg.rules)
local flat, standing, newest = redis.call('HGETALL', key.pauses), {}, 0
for index = 1, #flat, 2 do
  local entry = pause_entry(flat[index + 1])
  if not entry.on and entry.atMs < now - arg.keepMs then redis.call('HDEL', key.pauses, flat[index])
  else
    standing[flat[index]] = entry
    newest = math.max(newest, entry.atMs)
    if flat[index] == 'storm-failures' then entry.storm = storm_progress(key.storm, entry.atMs) end
  end
end
-- Up to when some worker has the pauses in its memory: what `pause` waits for.
if newest > tonumber(redis.call('GET', key.seen) or '0') then redis.call('SET', key.seen, digits(newest)) end
return reply({ kind = 'kept', entries = standing, putBack = put_back })

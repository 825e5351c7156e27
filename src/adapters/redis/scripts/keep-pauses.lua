-- A worker puts back the pauses that it remembers: of each scope the newest entry stays. Entries of pauses that were
-- lifted long ago go. Answers everything that stands then.
-- KEYS pauses seen
-- ARGV remembered keep_ms
local pauses, seen = unpack(KEYS)
if wrong_type(pauses, 'hash') then return corrupt(pauses, 'is not a hash') end
if wrong_type(seen, 'string') then return corrupt(seen, 'is not a string') end
local now, keep_ms, put_back = now_ms(), tonumber(ARGV[2]), 0
for scope, entry in pairs(cjson.decode(ARGV[1])) do
  local text = redis.call('HGET', pauses, scope)
  if not text or pause_entry(text).atMs < entry.atMs then
    redis.call('HSET', pauses, scope, cjson.encode(entry))
    put_back = put_back + 1
  end
end
local flat, standing, newest = redis.call('HGETALL', pauses), {}, 0
for index = 1, #flat, 2 do
  local entry = pause_entry(flat[index + 1])
  if not entry.on and entry.atMs < now - keep_ms then redis.call('HDEL', pauses, flat[index])
  else
    standing[flat[index]] = entry
    newest = math.max(newest, entry.atMs)
  end
end
-- Up to when some worker has the pauses in its memory: what `pause` waits for.
if newest > tonumber(redis.call('GET', seen) or '0') then redis.call('SET', seen, newest) end
return reply({ kind = 'kept', entries = standing, putBack = put_back })

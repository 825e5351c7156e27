-- The last commands of the project that ended, by when: for people. The loader puts this before tail.lua.

-- So many are kept, the youngest.
local MOST_ENDED = 200

-- The same once more when asked again. It only serves people, so it must never keep a script from its work: something foreign
-- at its key leaves it as it is.
local function note_end(cmd_key, id, at)
  local ended = string.match(cmd_key, '^([^}]*}:)') .. 'ended'
  redis.pcall('ZADD', ended, digits(at), id)
  local kept = redis.pcall('ZCARD', ended)
  if type(kept) ~= 'number' or kept <= MOST_ENDED then return end
  redis.pcall('ZREM', ended, unpack(redis.pcall('ZRANGE', ended, 0, kept - MOST_ENDED - 1)))
end

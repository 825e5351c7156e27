-- The final event is confirmed by the broker: nothing is left to do for this command.
-- KEYS cmd active   ARGV id
-- A memory that has lost the outcome again has an open command: it must be found by the sweeper.
local known = redis.call('HMGET', KEYS[1], 'content', 'outcome')
if not known[1] or known[2] then redis.call('ZREM', KEYS[2], ARGV[1]) end
if known[2] then redis.call('HSET', KEYS[1], 'told', 1) end
return reply({ kind = 'saved' })

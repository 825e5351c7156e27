-- The final event is confirmed by the broker: nothing is left to do for this command.
-- KEYS cmd active   ARGV id
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'told', 1) end
redis.call('ZREM', KEYS[2], ARGV[1])
return reply({ kind = 'saved' })

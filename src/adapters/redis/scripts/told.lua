-- The final event is confirmed by the broker: nothing is left to do for this command.
-- KEYS cmd active   ARGV id sequence
-- A memory that has lost the outcome again has an open command: it must be found by the sweeper. Of a refusal whose id
-- has another outcome meanwhile it says nothing.
local cmd, active = unpack(KEYS)
local id, sequence = unpack(ARGV)
if wrong_type(cmd, 'hash') then return corrupt(cmd, 'is not a hash') end
local known = redis.call('HMGET', cmd, 'content', 'outcome', 'final_seq')
if known[3] and known[3] ~= sequence then return reply({ kind = 'saved' }) end
if not known[1] or known[2] then redis.call('ZREM', active, id) end
if known[2] then redis.call('HSET', cmd, 'told', 1) end
return reply({ kind = 'saved' })

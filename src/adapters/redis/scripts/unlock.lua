-- A person frees the lock of a server that they have looked at: only that of the owner they name, and never
-- that of a command that is still on its way.
-- KEYS lock cmd   ARGV owner mark
-- `mark`: of a name that cannot be typed, from the answer before; empty for none.
local lock, cmd = unpack(KEYS)
local wanted, mark = unpack(ARGV)
if wrong_type(lock, 'hash') then return corrupt(lock, 'is not a hash') end
if wrong_type(cmd, 'hash') then return corrupt(cmd, 'is not a hash') end
local owner = redis.call('HGET', lock, 'owner')
if not owner then return reply({ kind = 'not-locked' }) end
local found = redis.sha1hex(owner)
if owner ~= wanted and found ~= mark then return reply({ kind = 'held-by-another', owner = owner, mark = found }) end
local rec = redis.call('HMGET', cmd, 'content', 'outcome')
if rec[1] and not rec[2] then return reply({ kind = 'still-open', owner = owner }) end
redis.call('DEL', lock)
return reply({ kind = 'freed', owner = owner })

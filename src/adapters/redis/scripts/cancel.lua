-- Asks an open command to end before it is submitted; the next step obeys.
-- KEYS cmd
local cmd = KEYS[1]
if wrong_type(cmd, 'hash') then return corrupt(cmd, 'is not a hash') end
local rec = redis.call('HMGET', cmd, 'content', 'outcome', 'phase')
if not rec[1] then return reply({ kind = 'unheard-of' }) end
if rec[2] then return reply({ kind = 'ended', outcome = rec[2] }) end
if rec[3] == 'watch' or rec[3] == 'reconcile' or rec[3] == 'settle' then
  return reply({ kind = 'too-late', phase = rec[3] })
end
redis.call('HSET', cmd, 'cancel', 1)
return reply({ kind = 'requested', phase = rec[3] })

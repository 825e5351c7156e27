-- An inquiry that has nothing left to find out ends. One that is settled stays: its event may not be published.
local key, arg, foreign = called('inquiry hash', 'active zset')
if foreign then return foreign end
local outcome = redis.call('HGET', key.inquiry, 'outcome')
if outcome and outcome ~= 'over' then return reply({ kind = 'saved' }) end
-- Its end stays for a while: a copy of its message must not put back the lock that a person has freed. Whoever finds it
-- ended does the rest all the same: the run that ended it may have failed half way.
if not outcome then put(key.inquiry, { outcome = 'over', phase = 'done', updated = now_ms() }) end
redis.call('PEXPIRE', key.inquiry, digits(arg.ttlMs))
redis.call('ZREM', key.active, arg.id)
return reply({ kind = 'saved' })

-- An inquiry that has nothing left to find out is forgotten. One that is settled stays: its event may not be published.
local key, arg, foreign = called('inquiry hash', 'active zset')
if foreign then return foreign end
if redis.call('HGET', key.inquiry, 'outcome') then return reply({ kind = 'saved' }) end
redis.call('ZREM', key.active, arg.id)
redis.call('DEL', key.inquiry)
return reply({ kind = 'saved' })

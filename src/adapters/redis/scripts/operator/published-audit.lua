-- Entries are published up to a number, and the turn of who published them is over.
local key, arg, foreign = called('published counter', 'lease string')
if foreign then return foreign end
if arg.upTo and tonumber(redis.call('GET', key.published) or '0') == arg.after then
  redis.call('SET', key.published, digits(arg.upTo))
end
if redis.call('GET', key.lease) == arg.lease then redis.call('DEL', key.lease) end
return reply({ kind = 'saved' })

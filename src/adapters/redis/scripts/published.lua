-- The final event is confirmed by the broker: nothing is left to do for this command.
-- A memory that has lost the outcome again has an open command: it must be found by the sweeper. Of a refusal whose id
-- has another outcome meanwhile it says nothing.
local key, arg, foreign = called('cmd hash', 'active zset')
if foreign then return foreign end
local rec = fields(key.cmd, 'content', 'outcome', 'final_seq', 'claim', 'step', 'server', 'told', 'tail')
if rec.final_seq and tonumber(rec.final_seq) ~= arg.sequence then return reply({ kind = 'saved' }) end
if rec.outcome then
  local in_the_way = complete(key.cmd, arg.id, rec)
  if in_the_way then return in_the_way end
  put(key.cmd, { told = 1 })
end
if not rec.content or rec.outcome then redis.call('ZREM', key.active, arg.id) end
return reply({ kind = 'saved' })

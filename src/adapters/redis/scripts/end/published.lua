-- Final events are confirmed by the broker: nothing is left to do for their commands, all of one project.
-- A memory that has lost the outcome again has an open command: it must be found by the sweeper. Of a refusal whose id
-- has another outcome meanwhile it says nothing.
local key, arg, foreign = called('active zset')
if foreign then return foreign end

-- Answers what is in the way of this record, or nil.
local function mark(cmd, id, sequence)
  local in_the_way = foreign_at(cmd, 'hash')
  if in_the_way then return in_the_way end
  local rec = fields(cmd, 'content', 'outcome', 'final_seq', 'claim', 'step', 'server', 'told', 'tail')
  if rec.final_seq and tonumber(rec.final_seq) ~= sequence then return nil end
  if rec.outcome then
    in_the_way = complete(cmd, id, rec)
    if in_the_way then return in_the_way end
    put(cmd, { told = 1 })
  end
  if not rec.content or rec.outcome then redis.call('ZREM', key.active, id) end
  return nil
end

local answer = nil
for _, one in ipairs(arg.marks) do
  -- What is in the way of one record is not in the way of the others.
  local in_the_way = mark(arg.commandPrefix .. one.id, one.id, one.sequence)
  answer = answer or in_the_way
end
return answer or reply({ kind = 'saved' })

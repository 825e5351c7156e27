-- Gives a worker the entries that nobody has published, and the turn to publish them.
local key, arg, foreign = called('audit list', 'published counter', 'lease string')
if foreign then return foreign end
local last = last_act(redis.call('LRANGE', key.audit, -10, -1))
local after = tonumber(redis.call('GET', key.published) or '0')
if not last or last.number == after then return reply({ kind = 'none' }) end
-- The list began again, and the count did not.
local from = last.number < after and 0 or after
if not redis.call('SET', key.lease, arg.lease, 'PX', digits(arg.leaseMs), 'NX') then return reply({ kind = 'none' }) end
local entries, first = {}, nil
for _, text in ipairs(redis.call('LRANGE', key.audit, 0, -1)) do
  local entry = audit_entry(text)
  if entry and entry.number > from and #entries < arg.most then
    first = first or entry.number
    entries[#entries + 1] = text
  end
end
return reply({ kind = 'taken', entries = entries, missed = first - from - 1, after = after })

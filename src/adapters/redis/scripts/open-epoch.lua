-- A first installation need not wait: whoever has just created the internal queues knows that nothing is in
-- flight. Only a memory that began around then may be opened; an older one keeps its own rule.
-- KEYS epoch   ARGV candidate recent_ms
local epoch = ensure_epoch(KEYS[1], ARGV[1], 0)
local now = now_ms()
if epoch.open_at > now and epoch.since > now - tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'open_at', now)
end
return reply({ kind = 'saved' })

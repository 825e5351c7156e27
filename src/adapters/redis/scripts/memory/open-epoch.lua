-- A first installation need not wait: whoever has just created the internal queues knows that nothing is in
-- flight. Only a memory that began around then may be opened; an older one keeps its own rule.
-- `fresh` says so to workers that look later.
local key, arg, foreign = called('epoch hash')
if foreign then return foreign end
local epoch = ensure_epoch(key.epoch, arg.candidate, 0)
local now = now_ms()
if epoch.since > now - arg.recentMs then put(key.epoch, { open_at = math.min(epoch.open_at, now), fresh = '1' }) end
return reply({ kind = 'saved' })

-- Commands of some groups, or all, wait for a person. `approved:<command>` of the hash of switches: somebody has approved it.
-- What is older than the command was meant for another that had its id.
BRAKES[#BRAKES + 1] = {
  name = 'approval',
  at = { admission = true },
  ask = function(key, ask)
    local scope = nil
    for _, name in ipairs(ask.rules.approval) do
      if name == 'all' then scope = 'all' break end
      if name == ask.group then scope = 'group:' .. name end
    end
    if not scope then return nil end
    local text = redis.call('HGET', key.pauses, 'approved:' .. ask.command)
    local entry = text and pause_entry(text)
    local created = tonumber(redis.call('HGET', key.cmd, 'created') or '')
    if not entry or entry.unreadable or not created or entry.atMs < created then
      return { verdict = 'wait', scope = scope, command = ask.command }
    end
    return { verdict = 'go', sinceMs = entry.atMs, by = entry.by, reason = entry.reason }
  end,
}

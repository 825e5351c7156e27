-- Times at which nothing may begin. Time zones are no matter for Lua: the worker that asks says in `closed` that its windows
-- are closed now (src/core/brakes/windows.ts).
BRAKES[#BRAKES + 1] = {
  name = 'windows',
  at = { admission = true },
  ask = function(_, ask)
    if not ask.closed then return nil end
    return { verdict = 'wait', untilMs = ask.closed.untilMs, reason = ask.closed.reason }
  end,
}

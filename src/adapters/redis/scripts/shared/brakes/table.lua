-- The brakes that the store can judge, in the order in which they are asked: each file beside this one adds its own.
--   name  of src/contract/brakes.ts
--   at    where it is asked: admission, and again for a waiter; stop, right before a server is stopped; intent, right
--         before a POST
--   ask   function (key, ask): nil for "go", else { verdict = 'go', 'wait' or 'no', untilMs?, and what a person wants to know }
--   before function (key, ask), optional: writes, before the brakes of an admission are asked, what it must know later
--   passed function (key, ask), optional: writes, once no brake holds the command
--   started function (key, ask), optional: writes, when the command gets its lock and slot
--   slots function (key, ask), optional: how many slots this brake leaves to the project, and why; nil for as many as there are
-- `key` has all keys of the gate by name. `ask` is what is asked for, and the limits of the worker that asks
-- (gate-argument.ts): { command, server, group?, source?, sender?, senderPerHour, waits, override, rules, calls, workSeconds }. `ask` writes nothing.
local BRAKES = {}

-- Name and type of each key that brakes read: the last keys of every script that asks the gate.
local GATE_KEYS = {}

-- How many slots a project has now: the cap, or fewer while a brake, or the rate of calls to the cloud, leaves fewer. Answers
-- what has lowered it, too (the brake's name, or `throttled`), and that brake's reason.
local function effective_cap(key, ask, cap)
  local least, by, why = cap, nil, nil
  for _, brake in ipairs(BRAKES) do
    if brake.slots then
      local slots, reason = brake.slots(key, ask)
      if slots and slots < least then least, by, why = slots, brake.name, reason end
    end
  end
  local calls = ask.calls.limits
  if calls.perSecond > 0 then
    local slots = slots_at(pace_of(key.calls, calls).per_second, ask.workSeconds)
    if slots < least then least, by, why = slots, 'throttled', nil end
  end
  return least, by, why
end

-- The one gate. The loader puts this after the prelude and the files of brakes/. A brake is added there, and to
-- src/core/brakes/hold.ts, which has the shape of its answer.

-- Does the command lift that brake for itself? Which may be lifted was checked when the command was understood.
local function overrides(ask, name)
  for _, lifted in ipairs(ask.override) do
    if lifted == name then return true end
  end
  return false
end

-- What one brake says: { brake, verdict, ... }.
local function verdict_of(brake, key, ask)
  local lifted = overrides(ask, brake.name)
  local said = not lifted and brake.ask(key, ask) or { verdict = 'go', overridden = lifted or nil }
  said.brake = brake.name
  return said
end

-- The first brake that does not say "go", with what it says; nil when nothing holds the command.
local function brakes(where, key, ask)
  for _, brake in ipairs(where == 'admission' and BRAKES or {}) do
    if brake.before then brake.before(key, ask) end
  end
  for _, brake in ipairs(BRAKES) do
    if brake.at[where] then
      local said = verdict_of(brake, key, ask)
      if said.verdict ~= 'go' then return said end
    end
  end
  for _, brake in ipairs(BRAKES) do
    if brake.at[where] and brake.passed then brake.passed(key, ask) end
  end
  return nil
end

-- What each brake says, for people. `where` the command is asked next: of a brake that is asked there no more, nothing holds it.
local function every_verdict(key, ask, where)
  local verdicts = {}
  for index, brake in ipairs(BRAKES) do
    local said = verdict_of(brake, key, ask)
    local is_over = where ~= 'admission' and not brake.at[where]
    verdicts[index] = said.verdict ~= 'go' and is_over and { brake = brake.name, verdict = 'go' } or said
  end
  return verdicts
end

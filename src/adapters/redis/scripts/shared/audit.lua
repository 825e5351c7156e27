-- What people did by hand: a list of JSON for each project, the oldest first. Each entry has a number, one more than the
-- entry before it.

-- So many are kept, the youngest.
local AUDIT_MOST = 1000

-- Nil for what cannot be read.
local function audit_entry(text)
  local readable, entry = pcall(cjson.decode, text)
  if readable and type(entry) == 'table' and type(entry.number) == 'number' then return entry end
  return nil
end

-- The youngest entry that can be read, or nil.
local function last_act(texts)
  for index = #texts, 1, -1 do
    local entry = audit_entry(texts[index])
    if entry then return entry end
  end
  return nil
end

-- A second run of an action comes within seconds: it is looked for among so many, the youngest.
local AUDIT_AGAIN = 200

-- The entry of an action, if it was noted before: this is its second run. `answer` in it is what the first one saw.
local function noted_act(audit, id)
  for _, text in ipairs(redis.call('LRANGE', audit, -AUDIT_AGAIN, -1)) do
    local entry = string.find(text, id, 1, true) and audit_entry(text)
    if entry and entry.id == id then return entry end
  end
  return nil
end

-- Notes an action, before anything else is written: nothing is done by hand without its entry. Answers the entry; that of
-- the first run if this is the second.
local function note_act(audit, act, answer)
  local known = noted_act(audit, act.id)
  if known then return known end
  local last = last_act(redis.call('LRANGE', audit, -10, -1))
  act.number, act.at, act.answer = (last and last.number or 0) + 1, now_ms(), answer
  redis.call('RPUSH', audit, cjson.encode(act))
  if act.number > AUDIT_MOST then redis.call('LTRIM', audit, -AUDIT_MOST, -1) end
  return act
end

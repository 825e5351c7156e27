-- The last reinstalls of a server: <command>#<attempt> -> { at, source, reason, ended?, outcome? }, from its intent on.
-- One that is proven not to have been carried out is taken out.

-- So many are kept, the youngest.
local HISTORY_MOST = 20

local HISTORY_TTL_MS = 30 * 86400000

local function history_field(command, attempt)
  return command .. '#' .. string.format('%.0f', attempt)
end

-- An entry that cannot be read counts: as one of just now it would hold the server for ever.
local function history_of(history_key)
  local flat, entries = redis.call('HGETALL', history_key), {}
  for index = 1, #flat, 2 do
    local readable, entry = pcall(cjson.decode, flat[index + 1])
    if not readable or type(entry) ~= 'table' or type(entry.at) ~= 'number' then entry = { at = 0 } end
    entry.field = flat[index]
    entry.command = string.match(flat[index], '^(.*)#%d+$') or flat[index]
    entries[#entries + 1] = entry
  end
  table.sort(entries, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.field < b.field
  end)
  return entries
end

-- Counts an intent; the same once more when asked again.
local function note_reinstall(history_key, command, attempt, entry)
  local field = history_field(command, attempt)
  redis.call('HSETNX', history_key, field, cjson.encode(entry))
  redis.call('PEXPIRE', history_key, digits(HISTORY_TTL_MS))
  local entries = history_of(history_key)
  for index = 1, #entries - HISTORY_MOST do
    if entries[index].field ~= field then redis.call('HDEL', history_key, entries[index].field) end
  end
end

-- What became of a command's reinstalls: `all_out` takes them out, `out` one attempt; `ended` (ms) and `outcome` are
-- written to those that are left. The first end stays, unless this one `replaces` it: that was the command's, which did not
-- wait for its reinstall.
local function carry_history(history_key, command, change)
  for _, entry in ipairs(change.all_out and history_of(history_key) or {}) do
    if entry.command == command then redis.call('HDEL', history_key, entry.field) end
  end
  if change.out then redis.call('HDEL', history_key, history_field(command, change.out)) end
  if not change.ended then return end
  for _, entry in ipairs(history_of(history_key)) do
    if entry.command == command then
      local merged = { at = entry.at, source = entry.source, reason = entry.reason, ended = not change.replaces and entry.ended or change.ended,
        outcome = change.outcome }
      redis.call('HSET', history_key, entry.field, cjson.encode(merged))
    end
  end
end

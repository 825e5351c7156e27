-- What scripts leave to be done after their decision. The loader puts this after line.lua, history.lua and ended.lua.

-- How long a debt is known: by then a person has seen the server (ms).
local DEBT_MS = 86400000

-- What a script does once it has decided, each part of which may be done twice. A script that decides writes it into the
-- record, as `tail`, in the same command as its decision, and then does it: the field is there as long as something may
-- be left to do. A command may be refused half way (by the access list), and then the next script that meets the record
-- does the rest, before it answers anything.
--   claim, step  of the record that it belongs to
--   ttl_ms       the record expires
--   active       in the index of commands, now
--   place        where it stands while it waits, or `none` (line.lua)
--   free_slot    its slot is given back
--   group        of the command; false: none
--   free_lock    the lock is given back; or else lock_phase, what it shows
--   healed_at    the server's last success, kept for last_ttl_ms
--   paid         the debt that the step has taken over (core/state/debt.ts): it is the command's own now
--   owes         the debt that the command leaves behind
--   owner        whose lock that is, where it is not the record's own id
--   history      what becomes of its reinstalls in the server's history
--   storm        what its end says of a storm of failures, and the limits of the worker that asks
--   inquiry      the record of the inquiry that an unresolved command leaves behind
--   ended        when the command ended: it stands among the last that did
--   settled      what the command's record is marked with, where this one is its inquiry's
--   forget       fields of the record that have no use any more
local function carry_out(keys, id, tail)
  local owner = tail.owner or id
  if tail.ttl_ms then redis.call('PEXPIRE', keys.cmd, digits(tail.ttl_ms)) end
  if tail.active then redis.call('ZADD', keys.active, now_ms(), id) end
  if tail.place then stand(keys, owner, tail.place) end
  if tail.free_slot then free_slot(keys, owner) end
  if tail.history then carry_history(keys.history, owner, tail.history) end
  if tail.storm then
    carry_storm(keys, owner, tail.storm)
    end_asks(keys, tail.storm.rules)
  end
  if tail.inquiry then open_inquiry(keys, id, tail.inquiry) end
  if tail.settled then mark_settled(keys.cmd, tail.settled) end
  if tail.ended then note_end(keys.cmd, id, tail.ended) end
  if tail.free_lock then free_lock(keys.lock, owner)
  elseif tail.lock_phase and redis.call('HGET', keys.lock, 'owner') == owner then
    put(keys.lock, { phase = tail.lock_phase })
  end
  if tail.healed_at then
    put(keys.last, { at = tail.healed_at, command = owner })
    redis.call('PEXPIRE', keys.last, digits(tail.last_ttl_ms))
  end
  if tail.paid and redis.call('GET', keys.debt) == tail.paid then redis.call('DEL', keys.debt) end
  if tail.owes then redis.call('SET', keys.debt, tail.owes, 'PX', DEBT_MS) end
  redis.call('HDEL', keys.cmd, 'tail', unpack(tail.forget or {}))
end

-- Does the rest of a script that failed half way. `rec` has `tail`, `claim`, `step`, `server` and `told` of the record.
-- Answers what is in the way, or nil.
local function complete(cmd, id, rec)
  if not rec.tail then return nil end
  local tail = cjson.decode(rec.tail)
  -- A version that knows no tails has gone on since: what was left is out of date.
  if tail.claim ~= rec.claim or tail.step ~= tonumber(rec.step) then
    redis.call('HDEL', cmd, 'tail')
    return nil
  end
  local keys = keys_of_record(cmd, rec.server, tail.group)
  local foreign = foreign_at(keys.active, 'zset') or foreign_at(keys.lock, 'hash') or foreign_at(keys.last, 'hash')
    or foreign_at(keys.history, 'hash') or foreign_at(keys.debt, 'string') or foreign_at(keys.storm, 'hash') or foreign_at(keys.pauses, 'hash')
    or foreign_at(cmd .. INQUIRY, 'hash') or foreign_line(keys)
  if foreign then return foreign end
  if rec.told == '1' then tail.active = false end
  carry_out(keys, id, tail)
  return nil
end

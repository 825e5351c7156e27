-- Which memory of the project this is, and what only it knows: the locks that no message carries. Where it is another one
-- than the worker remembers, and gives no new locks yet, the locks of unresolved servers that the worker remembers are put
-- back. All in one run: a lock that is missing was freed, unless the memory is seen to be another one in the same run.
local key, arg, foreign = called('epoch hash', 'token counter', 'active zset')
if foreign then return foreign end

-- The oldest are listed: a lock that no message carries is old.
local LOCKS_MOST = 1000

local prefix = string.match(key.epoch, '^(.*:)epoch$')
local run, now = run_id(), now_ms()
local seen = fields(key.epoch, 'id', 'run', 'since', 'open_at', 'origin', 'fresh')
-- Without it nobody would notice that a store was emptied twice before anything moved in it.
local origin = seen.origin or seen.id or arg.candidate
if not seen.origin then put(key.epoch, { origin = origin }) end
local gives_locks = seen.id and seen.run == run and now >= tonumber(seen.open_at)
local put_back = {}
if arg.known and not gives_locks and (arg.known.origin ~= origin or arg.known.run ~= run) then
  for server, lock in pairs(arg.locks) do
    local lock_key = prefix .. 'lock:' .. server
    if redis.call('EXISTS', lock_key) == 0 then
      if tonumber(redis.call('GET', key.token) or '0') < lock.token then redis.call('SET', key.token, digits(lock.token)) end
      put(lock_key, { owner = lock.owner, token = lock.token, operation = 'reinstall', since = lock.sinceMs, phase = 'unresolved' })
      note_lock(lock_key)
      put_back[server] = lock.owner
    end
  end
end

local unresolved, others = {}, {}
local listed = redis.call('TYPE', prefix .. 'locks').ok == 'zset' and redis.call('ZRANGE', prefix .. 'locks', 0, LOCKS_MOST - 1) or {}
for _, server in ipairs(listed) do
  local lock_key = prefix .. 'lock:' .. server
  if redis.call('TYPE', lock_key).ok == 'hash' then
    local lock = fields(lock_key, 'owner', 'token', 'operation', 'phase', 'since')
    local token = tonumber(lock.token or '')
    if lock.owner and lock.operation ~= 'reinstall' then others[server] = lock.owner
    elseif lock.owner and lock.phase == 'unresolved' and token then
      unresolved[server] = { owner = lock.owner, token = token, sinceMs = tonumber(lock.since or '') or now }
    end
  end
end

local epoch = cjson.null
if seen.id then epoch = { sinceMs = tonumber(seen.since), fresh = seen.fresh == '1' } end
return reply({ kind = 'seen', origin = origin, run = run, epoch = epoch, open = not not gives_locks,
  commands = redis.call('ZCARD', key.active), unresolved = unresolved, others = others, putBack = put_back })

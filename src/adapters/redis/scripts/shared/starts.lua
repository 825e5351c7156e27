-- Starts of one source within the last hour: command -> when it got its lock and slot last, by Redis's clock.
local HOUR_MS = 3600000
local STARTS_DROPPED_AT_ONCE = 1000

-- When one more may start; nil: now. A command that is counted may start again: it counts once.
local function next_start(starts_key, command, limit)
  local hour_ago = now_ms() - HOUR_MS
  local youngest = redis.call('ZRANGE', starts_key, -limit, -limit, 'WITHSCORES')
  local in_the_way = tonumber(youngest[2] or '')
  if not in_the_way or in_the_way <= hour_ago then return nil end
  local own = tonumber(redis.call('ZSCORE', starts_key, command) or '')
  if own and own > hour_ago then return nil end
  return in_the_way + HOUR_MS
end

-- Counts a start; the same once more when asked again.
local function note_start(starts_key, command)
  redis.call('ZADD', starts_key, digits(now_ms()), command)
  redis.call('PEXPIRE', starts_key, digits(HOUR_MS))
  local old = redis.call('ZRANGEBYSCORE', starts_key, '-inf', digits(now_ms() - HOUR_MS), 'LIMIT', 0, STARTS_DROPPED_AT_ONCE)
  if #old > 0 then redis.call('ZREM', starts_key, unpack(old)) end
end

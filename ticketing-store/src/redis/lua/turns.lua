-- Turns. `{prefix}:turns` has for each lock whose turn it is and until when; `{prefix}:line` who waits, in order
-- of arrival; `{prefix}:wants` what each of these waits for, and how long it still counts without asking again.
local function begins_turn(me, lease, patience, locks)
  local TURNS, LINE, WANTS = P .. ':turns', P .. ':line', P .. ':wants'
  local held = redis.call('HMGET', TURNS, unpack(locks))
  local free, begun = true, 0
  for i = 1, #locks do
    local turn = held[i]
    if turn and tonumber(string.sub(turn, 17)) > now then
      if string.sub(turn, 1, 16) == me then begun = begun + 1 else free = false end
    end
  end
  -- Whoever has the turn asks again to read: the line is for others.
  if begun == #locks then return true end
  local waiting = redis.call('ZRANGE', LINE, 0, -1)
  if free then
    for _, other in ipairs(waiting) do
      if other == me then break end
      local wants = redis.call('HGET', WANTS, other)
      local bar = wants and string.find(wants, '|', 1, true)
      if not bar or tonumber(string.sub(wants, 1, bar - 1)) < now then
        redis.call('ZREM', LINE, other)
        redis.call('HDEL', WANTS, other)
      else
        for _, lock in ipairs(locks) do
          if string.find(wants, lock, bar + 1, true) then free = false end
        end
      end
      if not free then break end
    end
  end
  if free then
    local turns = {}
    local turn = me .. string.format('%.0f', now + lease)
    for _, lock in ipairs(locks) do
      turns[#turns + 1] = lock
      turns[#turns + 1] = turn
    end
    redis.call('HSET', TURNS, unpack(turns))
    if #waiting > 0 then
      redis.call('ZREM', LINE, me)
      redis.call('HDEL', WANTS, me)
    end
    return true
  end
  redis.call('ZADD', LINE, 'NX', string.format('%.0f', now), me)
  redis.call('HSET', WANTS, me, string.format('%.0f|', now + patience) .. table.concat(locks))
  return false
end

local function ends_turn(me, locks)
  if #locks == 0 then return end
  local held = redis.call('HMGET', P .. ':turns', unpack(locks))
  local mine = {}
  for i = 1, #locks do
    if held[i] and string.sub(held[i], 1, 16) == me then mine[#mine + 1] = locks[i] end
  end
  if #mine > 0 then redis.call('HDEL', P .. ':turns', unpack(mine)) end
end

-- One change: name, stamp, greatest age, bytes of its own, locks of the turn that ends; then keys with what must
-- lie there, keys where nothing may, numbered shelves and what comes at their end, new pairs, other pairs, keys
-- to remove, pointers to add to a few, members to take from shelves, and members to put on them. Everything is
-- checked before the first write.
local batch, stamp, age_max, own = take(), take(), tonumber(take()), take()
local locks = take_many(tonumber(take()))
local NAMES, NAMES_MIN = P .. ':names', 65536

if halt ~= '' then return {id, gen, rev, tag, halt, 'halted'} end
if batch ~= '' then
  local known = redis.call('ZMSCORE', NAMES, batch .. '1', batch .. '0')
  if known[1] then
    ends_turn(batch, locks)
    return {id, gen, rev, tag, halt, 'yes'}
  end
  if known[2] then return {id, gen, rev, tag, halt, 'closed'} end
end
if stamp ~= '' and math.abs(now - tonumber(stamp)) > age_max then return {id, gen, rev, tag, halt, 'late'} end

local function refused(key) return {id, gen, rev, tag, halt, 'refused', string.sub(key, #P + 1)} end

-- What lies there must be the same.
local n = tonumber(take())
for from = 1, n, CHUNK do
  local keys, count = {}, math.min(CHUNK, n - from + 1)
  for i = 1, count do keys[i] = ARGV[at + 2 * i - 1] end
  local found = redis.call('MGET', unpack(keys))
  for i = 1, count do
    if found[i] ~= ARGV[at + 2 * i] then return refused(keys[i]) end
  end
  at = at + 2 * count
end

-- Nothing may lie there.
n = tonumber(take())
for i = 1, n do
  if redis.call('EXISTS', ARGV[at + i]) == 1 then return refused(ARGV[at + i]) end
end
at = at + n

-- What is numbered goes on with the next number.
local lists = {}
for i = 1, tonumber(take()) do
  local list, key, first, count = take(), take(), tonumber(take()), tonumber(take())
  if redis.call('LLEN', list) ~= first then return {id, gen, rev, tag, halt, 'refused', key} end
  lists[i] = {list, at + 1, at + count}
  at = at + count
end

local wrote = false
local function write()
  -- New pairs: written unless one of the keys is there. What was written before is then taken back.
  local pairs_left, first = tonumber(take()), at + 1
  while pairs_left > 0 do
    local count = math.min(pairs_left, CHUNK / 2)
    if redis.call('MSETNX', unpack(ARGV, at + 1, at + 2 * count)) == 0 then
      for i = first, at, 2 do redis.call('DEL', ARGV[i]) end
      for i = at + 1, at + 2 * count, 2 do
        if redis.call('EXISTS', ARGV[i]) == 1 then return refused(ARGV[i]) end
      end
    end
    wrote = true
    at = at + 2 * count
    pairs_left = pairs_left - count
  end

  local function chunks(command, each)
    local left = tonumber(take()) * each
    while left > 0 do
      local count = math.min(left, CHUNK)
      redis.call(command, unpack(ARGV, at + 1, at + count))
      wrote = true
      at = at + count
      left = left - count
    end
  end
  chunks('MSET', 2)
  chunks('DEL', 1)

  for _ = 1, tonumber(take()) do
    redis.call('APPEND', take(), take())
    wrote = true
  end
  for _, list in ipairs(lists) do
    for from = list[2], list[3], CHUNK do
      redis.call('RPUSH', list[1], unpack(ARGV, from, math.min(from + CHUNK - 1, list[3])))
      wrote = true
    end
  end

  -- Members to take away: from shelves of keys the member itself, from shelves of pointers what begins like it.
  for _ = 1, tonumber(take()) do
    local kind, shelf, from, to = take(), take(), take(), take()
    if kind == 's' then
      redis.call('ZREM', shelf, from)
    else
      redis.call('ZREMRANGEBYLEX', shelf, from, to)
    end
    wrote = true
  end
  for _ = 1, tonumber(take()) do
    local shelf, left = take(), tonumber(take())
    while left > 0 do
      local count, members = math.min(left, CHUNK / 2), {}
      for i = 1, count do
        members[2 * i - 1] = '0'
        members[2 * i] = ARGV[at + i]
      end
      redis.call('ZADD', shelf, unpack(members))
      wrote = true
      at = at + count
      left = left - count
    end
  end

  if id == '' then
    id = own
    redis.call('HSET', META, 'id', id)
  end
  rev = redis.call('HINCRBY', META, 'rev', 1)
  tag = string.format('%.0f ', rev) .. own
  redis.call('HSET', META, 'tag', tag)
  redis.call('HSET', TAGS, string.format('%.0f', rev % TAGGED), tag)
  if batch ~= '' then
    redis.call('ZADD', NAMES, time[1], batch .. '1')
    -- Names are forgotten after a quarter of an hour, a few at a time, and so many never: a clock may jump.
    local spare = redis.call('ZCARD', NAMES) - NAMES_MIN
    if spare > 0 then
      local old = redis.call('ZCOUNT', NAMES, '-inf', tonumber(time[1]) - 900)
      local forgotten = math.min(old, 64, spare)
      if forgotten > 0 then redis.call('ZREMRANGEBYRANK', NAMES, 0, forgotten - 1) end
    end
    ends_turn(batch, locks)
  end
  return {id, gen, rev, tag, halt, 'yes'}
end

local done, answer = pcall(write)
if done then return answer end
local why = type(answer) == 'table' and answer.err or tostring(answer)
if not wrote then return redis.error_reply(why) end
-- Nothing takes back what was written: nobody writes on top of half a change.
halt = string.format('%.0f %.0f %s', rev, rev, time[1])
redis.call('HSET', META, 'halt', halt)
return {id, gen, rev, tag, halt, 'broken', why}

-- One view: whose turn is to begin (nobody's: ''), with lease, patience and locks; keys to get; keys to follow;
-- packed shelves of a few pointers, each with from, to, direction and limit; spans, each as kind, shelf, from, to,
-- direction and limit.
local me = take()
if me ~= '' then
  local lease, patience = tonumber(take()), tonumber(take())
  if not begins_turn(me, lease, patience, take_many(tonumber(take()))) then
    return {id, gen, rev, tag, halt, time[1], time[2], 0}
  end
end

-- What lies under the keys: false for nothing.
local function get(keys)
  local found = {}
  for from = 1, #keys, CHUNK do
    local some = redis.call('MGET', unpack(keys, from, math.min(from + CHUNK - 1, #keys)))
    for i = 1, #some do found[from + i - 1] = some[i] end
  end
  return found
end

-- The keys that `entries` name, and what lies under them.
local function follow(entries)
  local names, keys = {}, {}
  for _, entry in ipairs(entries) do
    if entry then
      names[#names + 1] = entry
      keys[#keys + 1] = P .. entry
    end
  end
  local values, pairs_found = get(keys), {}
  for i = 1, #names do
    if values[i] then
      pairs_found[#pairs_found + 1] = names[i]
      pairs_found[#pairs_found + 1] = values[i]
    end
  end
  return pairs_found
end

local gets = get(take_many(tonumber(take())))

-- Each names one key or none: two lists, so that none has its place too.
local entries = get(take_many(tonumber(take())))
local named = {}
for i, entry in ipairs(entries) do named[i] = entry and P .. entry or P end
local followed = get(named)

-- What a pointer of a few leads to stands before its last byte, which is the length of that.
local function rest_of(member) return string.sub(member, 1, -2 - string.byte(member, -1)) end
local function target_of(member) return P .. string.sub(member, -1 - string.byte(member, -1), -2) end

-- Byte by byte, whatever the server's language: the first six of them decide nearly always.
local function head(bytes) return struct.unpack('>I6', #bytes < 6 and bytes .. '\0\0\0\0\0\0' or bytes) end
local function is_less(one, other, one_head, other_head)
  if one_head ~= other_head then return one_head < other_head end
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then return a < b end
  end
  return #one < #other
end

-- The first `limit` of `members` from `from` on and before `to`, in no order. They are packed in the order they were
-- put there, which is nearly that of their keys.
local function first_of(members, from, to, direction, limit)
  local best, rests, heads, count = {}, {}, {}, 0
  local from_head, to_head, descending = head(from), head(to), direction == 'd'
  local function is_before(rest, its, n)
    if descending then return is_less(rests[n], rest, heads[n], its) end
    return is_less(rest, rests[n], its, heads[n])
  end
  local function consider(member)
    local rest = rest_of(member)
    local its = head(rest)
    if is_less(rest, from, its, from_head) or (to ~= '' and not is_less(rest, to, its, to_head)) then return end
    if count == limit and not is_before(rest, its, count) then return end
    count = math.min(count + 1, limit)
    local n = count
    while n > 1 and is_before(rest, its, n - 1) do
      best[n], rests[n], heads[n] = best[n - 1], rests[n - 1], heads[n - 1]
      n = n - 1
    end
    best[n], rests[n], heads[n] = member, rest, its
  end
  -- Unpacked from the end on: the last one comes first.
  local first, last, step = 1, #members, 1
  if not descending then first, last, step = #members, 1, -1 end
  for i = first, last, step do
    local member, is_behind = members[i], false
    if count == limit and #member - string.byte(member, -1) > 6 then
      local its = head(member)
      is_behind = descending and its < heads[count] or not descending and its > heads[count]
    end
    if not is_behind then consider(member) end
  end
  return best
end

-- With each of a few pointers comes what it points to. Where there are many, only those that are wanted are looked
-- up, unless one of them leads nowhere and others take its place.
local function lead(members)
  local targets = {}
  for n, member in ipairs(members) do targets[n] = target_of(member) end
  local values, found, all = get(targets), {}, true
  for n, member in ipairs(members) do
    found[2 * n - 1] = member
    found[2 * n] = values[n]
    all = all and values[n]
  end
  return found, all
end

local MANY = 256
local few_asked, few_shelves = {}, {}
for i = 1, tonumber(take()) do
  few_shelves[i] = take()
  few_asked[i] = {from = take(), to = take(), direction = take(), limit = tonumber(take())}
end
local fews = get(few_shelves)
for i, packed in ipairs(fews) do
  if packed then
    local members, stop = {}, #packed
    while stop > 0 do
      local member = string.sub(packed, stop - string.byte(packed, stop), stop - 1)
      members[#members + 1] = member
      stop = stop - #member - 1
    end
    local asked, found, all = few_asked[i], nil, false
    if #members > MANY and asked.limit > 0 and asked.limit < #members then
      found, all = lead(first_of(members, asked.from, asked.to, asked.direction, asked.limit))
    end
    if not all then found = lead(members) end
    fews[i] = found
  end
end

local spans = {}
for n = 1, tonumber(take()) do
  local kind, shelf, from, to, direction, limit = take(), take(), take(), take(), take(), take()
  local members
  if kind == 'n' then
    members = redis.call('LRANGE', P .. '#' .. shelf, from, to)
  elseif direction == 'a' then
    members = redis.call('ZRANGEBYLEX', P .. '=' .. shelf, from, to, 'LIMIT', 0, limit)
  else
    members = redis.call('ZREVRANGEBYLEX', P .. '=' .. shelf, to, from, 'LIMIT', 0, limit)
  end
  local found = {}
  if kind == 'n' then
    found = members
  elseif kind == 's' or kind == 'f' then
    local keys = {}
    for i, member in ipairs(members) do keys[i] = P .. shelf .. member end
    local values = get(keys)
    if kind == 'f' then
      found = follow(values)
    else
      for i, member in ipairs(members) do
        if values[i] then
          found[#found + 1] = shelf .. member
          found[#found + 1] = values[i]
        end
      end
    end
  else
    -- A pointer's last byte is the length of what it points to, which stands before it.
    local targets = {}
    for i, member in ipairs(members) do
      local length = string.byte(member, -1)
      targets[i] = string.sub(member, -1 - length, -2)
      if kind == 'S' then
        found[#found + 1] = shelf .. string.sub(member, 1, -2 - length)
        found[#found + 1] = targets[i]
      end
    end
    if kind == 'F' then found = follow(targets) end
  end
  spans[n] = found
end
return {id, gen, rev, tag, halt, time[1], time[2], 1, gets, entries, followed, fews, spans}

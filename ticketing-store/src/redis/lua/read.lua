-- One view: whose turn is to begin (nobody's: ''), with lease, patience and locks; keys to get; keys to follow;
-- packed shelves of a few pointers; spans, each as kind, shelf, from, to, direction and limit.
local me = take()
if me ~= '' then
  local lease, patience = tonumber(take()), tonumber(take())
  if not begins_turn(me, lease, patience, take_many(tonumber(take()))) then
    return {id, gen, rev, halt, time[1], time[2], 0}
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

-- Each of a few pointers ends with the length of what it points to, and its own; with it comes what it points to.
local fews = get(take_many(tonumber(take())))
for i, packed in ipairs(fews) do
  if packed then
    local members, targets, stop = {}, {}, #packed
    while stop > 0 do
      local member = string.sub(packed, stop - string.byte(packed, stop), stop - 1)
      local length = string.byte(member, -1)
      members[#members + 1] = member
      targets[#targets + 1] = P .. string.sub(member, -1 - length, -2)
      stop = stop - #member - 1
    end
    local values, found = get(targets), {}
    for n, member in ipairs(members) do
      found[2 * n - 1] = member
      found[2 * n] = values[n]
    end
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
return {id, gen, rev, halt, time[1], time[2], 1, gets, entries, followed, fews, spans}

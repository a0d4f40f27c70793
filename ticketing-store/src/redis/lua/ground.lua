-- What every script of the ledger begins with. KEYS[1] is `{prefix}:meta`; the first four arguments are what the
-- caller knows of the ledger: its id, when it was last resumed, how many changes it had then, and the tag of the last.
local META = KEYS[1]
local P = string.sub(META, 1, -6)
local CHUNK = 4000
-- Each change has a tag: its number, and bytes that no other change has. So many are kept, by their numbers.
local TAGS, TAGGED = P .. ':tags', 4096

local meta = redis.call('HMGET', META, 'id', 'gen', 'rev', 'halt', 'tag')
local id, gen, rev, halt, tag = meta[1] or '', meta[2] or '0', tonumber(meta[3] or 0), meta[4] or '', meta[5] or ''
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Whether another change has the number of one that the caller has seen; of those long ago nobody can tell.
local function is_overtaken()
  local mark = ARGV[3] .. ' '
  if string.sub(ARGV[4], 1, #mark) ~= mark then return false end
  local seen = tonumber(ARGV[3])
  local kept = rev == seen and tag or redis.call('HGET', TAGS, string.format('%.0f', seen % TAGGED))
  return kept and kept ~= ARGV[4] and string.sub(kept, 1, #mark) == mark
end

-- A ledger that has fewer changes than somebody has seen, or others, or is another one, has lost some: nobody writes
-- in it before it was looked at.
if ARGV[1] ~= '' and halt == '' and tonumber(gen) <= tonumber(ARGV[2])
    and (id ~= ARGV[1] or rev < tonumber(ARGV[3]) or is_overtaken()) then
  local found = id == ARGV[1] and rev or 0
  local how = found >= tonumber(ARGV[3]) and ' overtaken' or ''
  halt = string.format('%s %.0f %s%s', ARGV[3], found, time[1], how)
  redis.call('HSET', META, 'halt', halt)
end

local at = 4
local function take()
  at = at + 1
  return ARGV[at]
end

-- The next `n` arguments.
local function take_many(n)
  local found = {}
  for i = 1, n do found[i] = ARGV[at + i] end
  at = at + n
  return found
end

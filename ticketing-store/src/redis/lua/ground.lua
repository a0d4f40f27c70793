-- What every script of the ledger begins with. KEYS[1] is `{prefix}:meta`; the first three arguments are what
-- the caller knows of the ledger: its id, when it was last resumed, and how many changes it had then.
local META = KEYS[1]
local P = string.sub(META, 1, -6)
local CHUNK = 4000

local meta = redis.call('HMGET', META, 'id', 'gen', 'rev', 'halt')
local id, gen, rev, halt = meta[1] or '', meta[2] or '0', tonumber(meta[3] or 0), meta[4] or ''
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- A ledger that has fewer changes than somebody has seen, or is another one, has lost some: nobody writes in it
-- before it was looked at.
if ARGV[1] ~= '' and halt == '' and tonumber(gen) <= tonumber(ARGV[2])
    and (id ~= ARGV[1] or rev < tonumber(ARGV[3])) then
  local found = id == ARGV[1] and rev or 0
  halt = string.format('%s %.0f %s', ARGV[3], found, time[1])
  redis.call('HSET', META, 'halt', halt)
end

local at = 3
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

-- What every script of a waiting room begins with. Policy stands elsewhere: a script checks marks and bounds.
--
-- ROOM           hash: epoch e, version v, next n, frontier f, frontier that is shown m, wait ended through a, window
--                ended through w, credited until c, steps s; log l and past epochs p, which only the caller reads
-- ROOM:line      sorted set: everybody who is in, by number; who was let in before the room was lost has no name
-- ROOM:places    hash: 64 places to a field, 9 bytes each: when it was given, and 1 for at once + 2 left + 4 bought
local root = KEYS[1]
local line, places = root .. ':line', root .. ':places'
local KEPT_SECONDS, TOGETHER, WIDTH = 1209600, 64, 9

local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end

local function text(number)
    return string.format('%.0f', number)
end

local function read()
    local found = redis.call('HMGET', root, 'e', 'v', 'n', 'f', 'a', 'w', 'c', 's')
    if not found[1] then
        return nil
    end
    local room = {}
    for index, name in ipairs({'e', 'v', 'n', 'f', 'a', 'w', 'c', 's'}) do
        room[name] = tonumber(found[index])
    end
    return room
end

local function head(room)
    return math.max(room.f, room.a)
end

-- How many are in behind one number and through another.
local function within(after, through)
    if through <= after then
        return 0
    end
    return redis.call('ZCOUNT', line, '(' .. text(after), text(through))
end

local function waiting(room)
    return within(head(room), room.n)
end

local function active(room)
    return within(room.w, room.f)
end

-- Whether the room is not as far as the caller knows it to be.
local function lost(room)
    local epoch, version = tonumber(ARGV[2]), tonumber(ARGV[3])
    return not room or room.e < epoch or (room.e == epoch and room.v < version)
end

local function lost_reply(room)
    return room and {0, room.e, room.v} or {0}
end

local function keep()
    redis.call('EXPIRE', root, KEPT_SECONDS)
    redis.call('EXPIRE', line, KEPT_SECONDS)
    redis.call('EXPIRE', places, KEPT_SECONDS)
end

local function reply(room, ...)
    -- Whoever only asks where they stand keeps the room, too.
    if redis.call('TTL', root) < KEPT_SECONDS / 2 then
        keep()
    end
    local kept = redis.call('HMGET', root, 'l', 'p', 'm')
    return {1, now, room.e, room.v, room.n, room.f, room.a, room.w, room.c, room.s,
        waiting(room), active(room), kept[1], kept[2], tonumber(kept[3]), ...}
end

-- Fields of `places` that were read, and those among them that were changed.
local fields, changed = {}, {}

local function field_of(number)
    local index = math.floor(number / TOGETHER)
    if not fields[index] then
        fields[index] = redis.call('HGET', places, index) or ''
    end
    return index, (number % TOGETHER) * WIDTH
end

-- When a place was given, and its marks; nothing where nothing is known.
local function place(number)
    local index, offset = field_of(number)
    if #fields[index] < offset + WIDTH then
        return 0, 0
    end
    local given, marks = struct.unpack('>I8B', fields[index], offset + 1)
    return given, marks
end

local function put_place(number, given, marks)
    local index, offset = field_of(number)
    local field = fields[index]
    local packed = struct.pack('>I8B', given, marks)
    if #field <= offset then
        fields[index] = field .. string.rep('\0', offset - #field) .. packed
    else
        fields[index] = string.sub(field, 1, offset) .. packed .. string.sub(field, offset + WIDTH + 1)
    end
    changed[index] = true
end

local function write_places()
    for index in pairs(changed) do
        redis.call('HSET', places, index, fields[index])
    end
end

-- Gives places in order of arrival. ARGV: 4 open, 5 most places or nothing, 6 at once, 7 arrivals of 24 bytes: who,
-- and which place of theirs is over; 8 from when on waits count at the earliest, or nothing.
local room = read()
if lost(room) then
    return lost_reply(room)
end
local open, most, at_once = ARGV[4] == '1', tonumber(ARGV[5]), ARGV[6] == '1'
local waits, lets_in = waiting(room), active(room)
local issued = math.max(now, tonumber(ARGV[8]) or 0)
local found = {}
for at = 1, #ARGV[7], 24 do
    local who, over = string.sub(ARGV[7], at, at + 15), struct.unpack('>I8', ARGV[7], at + 16)
    local has = tonumber(redis.call('ZSCORE', line, who) or nil)
    if has and has ~= over then
        local given, marks = place(has)
        found[#found + 1] = struct.pack('>BI8I8BI8', 2, has, given, marks % 2, 1 + within(head(room), has - 1))
    else
        local was_waiting = has and has > head(room)
        local was_active = has and has > room.w and has <= room.f
        local taken = waits + lets_in - ((was_waiting or was_active) and 1 or 0)
        if not open or (most and taken >= most) then
            found[#found + 1] = struct.pack('>BI8I8BI8', 0, 0, 0, 0, 0)
        else
            if was_waiting then
                waits = waits - 1
            elseif was_active then
                lets_in = lets_in - 1
            end
            local number, enters, position = room.n, at_once and waits == 0, 1
            room.n = number + 1
            room.v = room.v + 1
            if enters then
                room.f = number
                lets_in = lets_in + 1
            else
                waits = waits + 1
                position = waits
            end
            redis.call('ZADD', line, text(number), who)
            put_place(number, issued, enters and 1 or 0)
            found[#found + 1] = struct.pack('>BI8I8BI8', 1, number, issued, enters and 1 or 0, position)
        end
    end
end
write_places()
redis.call('HSET', root, 'n', text(room.n), 'f', text(room.f), 'v', text(room.v))
keep()
return reply(room, table.concat(found))

-- Gives places up. ARGV: 4 places of 25 bytes: whose, which, and 2 for left or 4 for bought.
local room = read()
if lost(room) then
    return lost_reply(room)
end
for at = 1, #ARGV[4], 25 do
    local who = string.sub(ARGV[4], at, at + 15)
    local number, mark = struct.unpack('>I8B', ARGV[4], at + 16)
    local holder = redis.call('ZRANGEBYSCORE', line, text(number), text(number))[1]
    if holder and (holder == who or #holder ~= 16) then
        redis.call('ZREM', line, holder)
        local given, marks = place(number)
        put_place(number, given, marks % 2 + mark)
        room.v = room.v + 1
    end
end
write_places()
redis.call('HSET', root, 'v', text(room.v))
keep()
return reply(room)

-- Sends away everybody who waits.
local room = read()
if lost(room) then
    return lost_reply(room)
end
local sent_away = waiting(room)
redis.call('ZREMRANGEBYSCORE', line, '(' .. text(head(room)), '+inf')
room.a, room.s, room.v = math.max(room.a, room.n - 1), room.s + 1, room.v + 1
redis.call('HSET', root, 'a', text(room.a), 's', text(room.s), 'v', text(room.v))
keep()
return reply(room, sent_away)

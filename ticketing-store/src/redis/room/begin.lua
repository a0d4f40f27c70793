-- Begins an epoch unless it, or a later one, is begun. ARGV: 2 epoch, 3 next, 4 frontier, 5 wait ended through, 6
-- window ended through, 7 credited until, 8 log, 9 past epochs, 10 places that count as taken, 11 keeps its line.
local room = read()
if room and room.e >= tonumber(ARGV[2]) then
    return 0
end
local next_number, frontier, taken = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[10])
if room and ARGV[11] == '1' then
    -- Somebody may have come since the room was looked at.
    next_number = math.max(next_number, room.n)
    if tonumber(ARGV[5]) > frontier then
        redis.call('ZREMRANGEBYSCORE', line, '(' .. ARGV[4], ARGV[5])
    end
    redis.call('ZREMRANGEBYSCORE', line, '-inf', ARGV[6])
else
    redis.call('UNLINK', line, places)
    for number = frontier - taken + 1, frontier do
        redis.call('ZADD', line, text(number), 'taken' .. text(number))
    end
end
redis.call('HSET', root, 'e', ARGV[2], 'v', 1, 'n', text(next_number), 'f', ARGV[4], 'a', ARGV[5], 'w', ARGV[6], 'c',
    ARGV[7], 's', 0, 'm', ARGV[4], 'l', ARGV[8], 'p', ARGV[9])
keep()
return 1

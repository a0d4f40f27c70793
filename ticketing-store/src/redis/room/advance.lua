-- Applies a step of admission unless another was taken. ARGV: 2 epoch, 3 steps, 4 head before, 5 frontier, 6 wait
-- ended through, 7 window ended through, 8 credited until, 9 log.
local room = read()
if not room or room.e ~= tonumber(ARGV[2]) or room.s ~= tonumber(ARGV[3]) then
    return 0
end
local head_before, frontier = tonumber(ARGV[4]), math.max(room.f, tonumber(ARGV[5]))
local wait_ended, window_ended = tonumber(ARGV[6]), tonumber(ARGV[7])
if wait_ended > head_before then
    redis.call('ZREMRANGEBYSCORE', line, '(' .. text(head_before), text(wait_ended))
end
if window_ended > room.w then
    redis.call('ZREMRANGEBYSCORE', line, '-inf', text(window_ended))
    for index = math.floor(room.w / TOGETHER), math.floor((window_ended + 1) / TOGETHER) - 1 do
        redis.call('HDEL', places, index)
    end
end
redis.call('HSET', root, 'f', text(frontier), 'a', text(wait_ended), 'w', text(window_ended), 'c', ARGV[8],
    'l', ARGV[9], 's', text(room.s + 1), 'v', text(room.v + 1))
keep()
return 1

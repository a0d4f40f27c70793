-- Notes how far the ledger knows of the frontier. ARGV: 2 epoch, 3 frontier.
local room = read()
if room and room.e == tonumber(ARGV[2]) and tonumber(redis.call('HGET', root, 'm')) < tonumber(ARGV[3]) then
    redis.call('HSET', root, 'm', ARGV[3])
end
return 1

-- Looks at places. ARGV: 4 visitors of 24 bytes: who, and which place.
local room = read()
if lost(room) then
    return lost_reply(room)
end
local found = {}
for at = 1, #ARGV[4], 24 do
    local who, number = string.sub(ARGV[4], at, at + 15), struct.unpack('>I8', ARGV[4], at + 16)
    local state = 0
    if tonumber(redis.call('ZSCORE', line, who) or nil) == number then
        state = 1
    else
        local _, marks = place(number)
        if marks >= 4 then
            state = 3
        elseif marks >= 2 then
            state = 2
        end
    end
    found[#found + 1] = struct.pack('>BI8', state, 1 + within(head(room), number - 1))
end
return reply(room, table.concat(found))

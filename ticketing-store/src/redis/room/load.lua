-- The part of the line that a step of admission looks at. ARGV: 4 most places of each kind.
local room = read()
if lost(room) then
    return lost_reply(room)
end
local limit = tonumber(ARGV[4])
local function slice(after, through)
    if limit == 0 then
        return ''
    end
    local members =
        redis.call('ZRANGEBYSCORE', line, '(' .. text(after), through, 'WITHSCORES', 'LIMIT', 0, limit)
    local found = {}
    for index = 1, #members, 2 do
        local who, number = members[index], tonumber(members[index + 1])
        local given, marks = place(number)
        if #who ~= 16 then
            who = string.rep('\0', 16)
        end
        found[#found + 1] = who .. struct.pack('>I8I8B', number, given, marks % 2)
    end
    return table.concat(found)
end
return reply(room, slice(room.w, text(room.f)), slice(head(room), '+inf'))

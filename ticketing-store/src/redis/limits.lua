-- One more under each of several limits, or under none: the generic cell rate algorithm by the server's clock. ARGV:
-- for each limit its name, how many, and in how many microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local due_at = {}
for at = 1, #ARGV, 3 do
    local key, most, period = KEYS[1] .. ':' .. ARGV[at], math.max(1, tonumber(ARGV[at + 1])), tonumber(ARGV[at + 2])
    local due = math.max(tonumber(redis.call('GET', key) or nil) or now, now) + period / most
    local wait = due - now - period
    -- Half a microsecond is the arithmetic's.
    if wait > 0.5 then
        return {(at - 1) / 3, math.ceil(wait)}
    end
    due_at[key] = due
end
for key, due in pairs(due_at) do
    redis.call('SET', key, string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
end
return {}

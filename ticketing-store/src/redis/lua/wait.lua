-- Whether a turn begins: who, lease, patience, how many locks, the locks.
local me, lease, patience = take(), tonumber(take()), tonumber(take())
local begins = begins_turn(me, lease, patience, take_many(tonumber(take())))
return {id, gen, rev, tag, halt, time[1], time[2], begins and 1 or 0}

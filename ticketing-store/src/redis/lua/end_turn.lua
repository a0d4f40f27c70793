-- Ends a turn: whose, how many locks, the locks.
local me = take()
ends_turn(me, take_many(tonumber(take())))
return {id, gen, rev, tag, halt}

-- What became of a batch: its name is closed by whoever asks first, so that the answer is final.
local batch = take()
local NAMES = P .. ':names'
if redis.call('ZSCORE', NAMES, batch .. '1') then return {id, gen, rev, halt, 1} end
redis.call('ZADD', NAMES, time[1], batch .. '0')
return {id, gen, rev, halt, 0}

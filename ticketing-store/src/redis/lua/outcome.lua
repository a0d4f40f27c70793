-- What became of a batch: its name is closed by whoever asks first, so that the answer is final.
local batch = take()
local NAMES = P .. ':names'
if redis.call('ZSCORE', NAMES, batch .. '1') then return {id, gen, rev, tag, halt, 1} end
-- It may be among what was lost, or be what was written in part: that is no answer.
if halt ~= '' then return {id, gen, rev, tag, halt, ''} end
redis.call('ZADD', NAMES, time[1], batch .. '0')
return {id, gen, rev, tag, halt, 0}

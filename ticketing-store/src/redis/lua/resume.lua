-- Lets a ledger that was looked at go on, for all who know what it was before.
if halt == '' then return {id, gen, rev, tag, halt, 0} end
redis.call('HDEL', META, 'halt')
redis.call('HSET', META, 'gen', string.format('%.0f', now))
return {id, string.format('%.0f', now), rev, tag, '', 1}

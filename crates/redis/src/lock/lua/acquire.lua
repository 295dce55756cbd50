-- ARGV: epoch of the connection; owner; time to live in ms; how long the last token outlives the lease, in ms
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local held = redis.call('HMGET', KEYS[1], 'epoch', 'sequence', 'owner', 'until')
local epoch, sequence, ends = tonumber(held[1] or 0), tonumber(held[2] or 0), tonumber(held[4] or 0)
if ends > now and held[3] ~= ARGV[2] then return {0, ends - now} end
-- The same owner again did not hear the first answer: it keeps its token.
if ends <= now then
  epoch = math.max(epoch, tonumber(ARGV[1]))
  sequence = math.max(sequence + 1, now)
end
-- Whole numbers below 2^53 stay exact on their way to a command and to a reply.
redis.call('HSET', KEYS[1], 'epoch', epoch, 'sequence', sequence, 'owner', ARGV[2], 'until', now + ARGV[3] * 1000)
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ARGV[4])
return {1, epoch, sequence}

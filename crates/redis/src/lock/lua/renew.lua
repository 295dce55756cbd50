-- ARGV: owner; time to live in ms; how long the last token outlives the lease, in ms
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local held = redis.call('HMGET', KEYS[1], 'owner', 'until')
if held[1] ~= ARGV[1] or tonumber(held[2] or 0) <= now then return 0 end
redis.call('HSET', KEYS[1], 'until', now + ARGV[2] * 1000)
redis.call('PEXPIRE', KEYS[1], ARGV[2] + ARGV[3])
return 1

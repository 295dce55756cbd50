-- KEYS: stream, due, dead. Returns waiting, pending, delayed, dead, workers, age of the oldest in ms.
local pending, workers = 0, 0
local summary = redis.pcall('XPENDING', KEYS[1], 'workers')
if summary.err then
  if string.sub(summary.err, 1, 7) ~= 'NOGROUP' then return summary end
else
  pending = summary[1]
  workers = #redis.call('XINFO', 'CONSUMERS', KEYS[1], 'workers')
end
local length, oldest = redis.call('XLEN', KEYS[1]), 0
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if first then
  oldest = math.max(now_ms(math.floor) - (read(first[2]).a or string.match(first[1], '^%d+')), 0)
end
return { length - pending, pending, redis.call('ZCARD', KEYS[2]), redis.call('XLEN', KEYS[3]), workers, oldest }

-- ARGV: how much; the time to live of a new counter in ms, or empty
local new = redis.call('EXISTS', KEYS[1]) == 0
local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
if type(sum) == 'table' and sum.err then
  if string.sub(sum.err, 1, 4) == 'ERR ' then
    return redis.error_reply('NOTANUMBER ' .. string.sub(sum.err, 5))
  end
  return sum
end
if new and ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
-- As text: a number of Lua is a double and loses what is over 2^53.
return redis.call('GET', KEYS[1])

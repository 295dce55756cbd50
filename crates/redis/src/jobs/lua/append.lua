-- KEYS: stream, due, late, key of the job; ARGV: payload, trace or empty, delay in ms, window in ms or empty
if ARGV[4] ~= '' then
  local first = redis.call('GET', KEYS[4])
  if first then return first end
end
local fields = { p = ARGV[1] }
if ARGV[2] ~= '' then fields.t = ARGV[2] end
local id
if ARGV[3] == '0' then
  id = redis.call('XADD', KEYS[1], '*', unpack(write(fields)))
else
  -- The stream names it: an entry that is added and deleted leaves a number that no other entry gets.
  id = redis.call('XADD', KEYS[1], '*', 'p', '')
  redis.call('XDEL', KEYS[1], id)
  fields.i = id
  fields.a = now_ms(math.floor)
  redis.call('HSET', KEYS[3], id, cmsgpack.pack(write(fields)))
  redis.call('ZADD', KEYS[2], now_ms(math.ceil) + ARGV[3], id)
end
if ARGV[4] ~= '' then redis.call('SET', KEYS[4], id, 'PX', ARGV[4]) end
return id

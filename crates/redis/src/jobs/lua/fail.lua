-- KEYS: stream, due, late, dead, swept
-- ARGV: worker, receipt, back or retry or dead, delay in ms, code, message, most deliveries, most dead letters
-- Returns 0 lost, 1 waits, 2 dead.
local stream, due, late, dead, swept = unpack(KEYS)
local worker, id = ARGV[1], ARGV[2]
local rows = redis.pcall('XPENDING', stream, 'workers', id, id, 1, worker)
if rows.err and string.sub(rows.err, 1, 7) ~= 'NOGROUP' then return rows end
local row = not rows.err and rows[1]
local entry = row and redis.call('XRANGE', stream, id, id)[1]
if not entry then return 0 end
if ARGV[3] == 'back' then
  -- As if it had been left at the beginning of time, and not been handed out. Once: who did not hear the answer hands it
  -- back again, and is known by an idle time of over thirty years.
  if row[3] < 1e12 then
    local deliveries = math.max(row[4] - 1, 0)
    redis.call('XCLAIM', stream, 'workers', worker, 0, id, 'TIME', 1, 'RETRYCOUNT', deliveries, 'JUSTID')
  end
  redis.call('DEL', swept)
  return 1
end
local fields = read(entry[2])
local deliveries = (fields.n or 0) + row[4]
leave(stream, id, fields, deliveries)
if ARGV[3] == 'dead' or deliveries >= tonumber(ARGV[7]) then
  bury(dead, ARGV[8], fields, ARGV[5], ARGV[6])
  return 2
end
redis.call('HSET', late, fields.i, cmsgpack.pack(write(fields)))
redis.call('ZADD', due, now_ms(math.ceil) + ARGV[4], fields.i)
return 1

-- KEYS: stream, due, late, dead, swept, alone
-- ARGV: worker, most jobs, most bytes, idle ms, most deliveries, most dead letters, code and message of one
local stream, due, late, dead, swept, alone = unpack(KEYS)
local worker, max, most, idle, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local now, jobs, bytes = now_ms(math.floor), {}, 0

-- A queue that is new, or whose data was flushed, has no group yet.
local function grouped(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    if string.sub(reply.err, 1, 7) ~= 'NOGROUP' then error(reply) end
    redis.call('XGROUP', 'CREATE', stream, 'workers', '0', 'MKSTREAM')
    reply = redis.call(...)
  end
  return reply
end
local function hand_out(entry, deliveries, size)
  bytes = bytes + size
  jobs[#jobs + 1] = { entry[1], entry[2], deliveries }
end

local function answer(closed)
  local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
  return { now, first[2] and math.max(first[2] - now, 0) or -1, closed, jobs }
end

-- What the worker left itself does not count.
local function is_busy()
  for _, row in ipairs(grouped('XPENDING', stream, 'workers', '-', '+', 1000, worker)) do
    if row[3] < idle then return true end
  end
end

-- A worker that is to have a job alone gets nothing until it has nothing, nor while it has that job. One that is long in
-- coming to an end loses its turn, at once to a worker that has nothing.
local lonely, has = redis.call('GET', alone), ' has'
local taken = lonely and string.sub(lonely, -#has) == has
local mine = lonely == worker or lonely == worker .. has
if mine and is_busy() then
  if taken then redis.call('PEXPIRE', alone, idle) end
  return answer(1)
end

-- What became due goes behind what waits. Bounded: one call moves at most as much as one claim returns.
local ready, moved = redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, 128), 0
for _, id in ipairs(ready) do
  if moved >= most then break end
  local packed = redis.call('HGET', late, id)
  if packed then
    moved = moved + #packed
    redis.call('XADD', stream, '*', unpack(cmsgpack.unpack(packed)))
    redis.call('HDEL', late, id)
  end
  redis.call('ZREM', due, id)
end

-- What somebody left: looked for four times in the idle time, by whichever worker asks first.
local look = redis.call('SET', swept, '1', 'PX', math.ceil(idle / 4), 'NX')
if look or mine then
  local left, more = grouped('XPENDING', stream, 'workers', 'IDLE', idle, '-', '+', max + 16), false
  for _, row in ipairs(left) do
    more = #jobs >= max or bytes >= most
    if more then break end
    local id, entry = row[1], redis.call('XRANGE', stream, row[1], row[1])[1]
    if not entry then
      redis.call('XACK', stream, 'workers', id)
    else
      local fields = read(entry[2])
      local deliveries = (fields.n or 0) + row[4]
      -- Before its last delivery: perhaps it is what ended all its workers. Then no other job may end with it.
      local suspect = row[4] > 0 and deliveries == limit - 1
      if deliveries >= limit then
        leave(stream, id, fields, deliveries)
        bury(dead, ARGV[6], fields, ARGV[7], ARGV[8])
      elseif suspect and (not lonely or not (mine or taken or is_busy())) then
        redis.call('SET', alone, worker, 'PX', idle)
        return answer(1)
      elseif not suspect or (mine and #jobs == 0) then
        redis.call('XCLAIM', stream, 'workers', worker, 0, id, 'RETRYCOUNT', row[4] + 1, 'JUSTID')
        hand_out(entry, deliveries + 1, #(fields.p or ''))
        if suspect then
          redis.call('SET', alone, worker .. has, 'PX', idle)
          return answer(1)
        end
      end
    end
  end
  if mine then redis.call('DEL', alone) end
  -- There may be more of them: the next claim looks again.
  if more or #left == max + 16 then redis.call('DEL', swept) end
  for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', stream, 'workers')) do
    local known = read(row)
    if known.pending == 0 and known.idle > 2 * idle and known.name ~= worker then
      redis.call('XGROUP', 'DELCONSUMER', stream, 'workers', known.name)
    end
  end
end

while #jobs < max and bytes < most do
  -- As many as would fit if they were as large as those before: few large payloads, not many, hold up the server.
  local fit = #jobs == 0 and 4 or math.floor((most - bytes) * #jobs / math.max(bytes, 1))
  local step = math.min(max - #jobs, math.max(math.min(fit, 32), 1))
  local reply = grouped('XREADGROUP', 'GROUP', 'workers', worker, 'COUNT', step, 'STREAMS', stream, '>')
  local entries = reply and reply[1][2] or {}
  for _, entry in ipairs(entries) do
    local list = entry[2]
    if #list == 2 then
      -- Only a payload, as most of them.
      hand_out(entry, 1, #list[2])
    else
      local fields = read(list)
      hand_out(entry, (fields.n or 0) + 1, #(fields.p or ''))
    end
  end
  if #entries < step then break end
end

return answer(0)

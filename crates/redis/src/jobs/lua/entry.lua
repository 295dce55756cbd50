-- Fields of an entry: p payload, t trace, i name, n deliveries before this entry, a when it was appended.
-- Of a dead letter also: c code, m message.
local function read(list)
  local fields = {}
  for at = 1, #list, 2 do fields[list[at]] = list[at + 1] end
  return fields
end
local function write(fields)
  local list = {}
  for name, value in pairs(fields) do
    list[#list + 1] = name
    list[#list + 1] = tostring(value)
  end
  return list
end
local function now_ms(round)
  local time = redis.call('TIME')
  return time[1] * 1000 + round(time[2] / 1000)
end
-- Takes an entry out of the stream; what goes on is the same job under another entry.
local function leave(stream, id, fields, deliveries)
  fields.i = fields.i or id
  fields.a = fields.a or string.match(id, '^%d+')
  fields.n = deliveries
  redis.call('XACK', stream, 'workers', id)
  redis.call('XDEL', stream, id)
end
local function bury(dead, keep, fields, code, message)
  fields.c, fields.m = code, message
  redis.call('XADD', dead, 'MAXLEN', '~', keep, '*', unpack(write(fields)))
end

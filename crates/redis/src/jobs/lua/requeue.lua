-- KEYS: stream, dead; ARGV: receipts. Returns how many were there.
local found = 0
for _, id in ipairs(ARGV) do
  local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
  if entry then
    local fields = read(entry[2])
    fields.n, fields.a, fields.c, fields.m = nil, nil, nil, nil
    redis.call('XADD', KEYS[1], '*', unpack(write(fields)))
    redis.call('XDEL', KEYS[2], id)
    found = found + 1
  end
end
return found

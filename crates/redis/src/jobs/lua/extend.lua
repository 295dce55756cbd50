-- KEYS: stream; ARGV: worker, then receipts. Returns the receipts that the worker does not have any more.
local lost = {}
for at = 2, #ARGV do
  local row = redis.pcall('XPENDING', KEYS[1], 'workers', ARGV[at], ARGV[at], 1, ARGV[1])
  if row.err and string.sub(row.err, 1, 7) ~= 'NOGROUP' then return row end
  if row.err or #row == 0 or #redis.call('XCLAIM', KEYS[1], 'workers', ARGV[1], 0, ARGV[at], 'JUSTID') == 0 then
    lost[#lost + 1] = ARGV[at]
  end
end
return lost

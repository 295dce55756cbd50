-- KEYS: dead; ARGV: first, most letters, most bytes. Returns as many as fit, at least one.
local first, max, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local letters, bytes = {}, 0
while #letters < max and bytes < most do
  -- As many as would fit if they were as large as those before: a large answer holds up the server, and its reader.
  local fit = #letters == 0 and 4 or math.floor((most - bytes) * #letters / math.max(bytes, 1))
  local step = math.min(max - #letters, math.max(math.min(fit, 32), 1))
  local entries = redis.call('XRANGE', KEYS[1], first, '+', 'COUNT', step)
  for _, entry in ipairs(entries) do
    letters[#letters + 1], first = entry, '(' .. entry[1]
    for _, word in ipairs(entry[2]) do bytes = bytes + #word end
  end
  if #entries < step then break end
end
return letters

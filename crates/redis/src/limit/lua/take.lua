-- Times are whole µs and a rest in units of 1/count µs, so that no division rounds: all stay below 2^53.
-- ARGV: count; the cost, µs and rest; the span of a full burst, µs and rest
local count = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function sum(whole, rest, more, more_rest)
  rest = rest + more_rest
  if rest >= count then return whole + more + 1, rest - count end
  return whole + more, rest
end

-- The theoretical arrival time: when the burst is whole again. Not before now, and never later than a spent burst,
-- which it could be if the clock went back or the quota shrank.
local whole, rest = now, 0
local latest, latest_rest = sum(now, 0, ARGV[4], tonumber(ARGV[5]))
local saved = redis.call('GET', KEYS[1])
if saved then
  local divided = string.find(saved, ' ', 1, true)
  local old, old_rest = tonumber(string.sub(saved, 1, divided - 1)), tonumber(string.sub(saved, divided + 1))
  if old >= now then whole, rest = old, math.min(old_rest, count - 1) end
  if whole > latest or (whole == latest and rest > latest_rest) then whole, rest = latest, latest_rest end
end

local next_whole, next_rest = sum(whole, rest, ARGV[2], tonumber(ARGV[3]))
if next_whole > latest or (next_whole == latest and next_rest > latest_rest) then
  return {0, whole - now, rest}
end
-- Rounded up, and one more for the clock of the server's own expiry: what is forgotten too early is given twice.
if next_whole > now or next_rest > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', next_whole, next_rest),
    'PX', math.ceil((next_whole - now) / 1000) + 1)
end
return {1, next_whole - now, next_rest}

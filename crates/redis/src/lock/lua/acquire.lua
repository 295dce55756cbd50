-- ARGV: epoch of the connection; owner; time to live in ms; how long the last token outlives the lease, in ms;
-- how long the lock is promised to this owner if it is held, in ms
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local held = redis.call('HMGET', KEYS[1], 'epoch', 'sequence', 'owner', 'until', 'next', 'promised')
local epoch, sequence, ends = tonumber(held[1] or 0), tonumber(held[2] or 0), tonumber(held[4] or 0)
local promised = tonumber(held[6] or 0)
local for_another = promised > now and held[5] ~= ARGV[2]

if ends > now and held[3] ~= ARGV[2] then
  local patience = ARGV[5] * 1000
  if for_another or patience == 0 then return {0, ends - now, 0} end
  -- Not with each question: a promise is written, and sent to replicas.
  if promised < now + patience / 2 then
    redis.call('HSET', KEYS[1], 'next', ARGV[2], 'promised', now + patience)
  end
  return {0, ends - now, 1}
end

-- What the caller knows of a cluster may be old: only the node itself knows under which vote it serves now. Another
-- server, or a user who may not ask, has only the epoch of the connection.
local function epoch_of_node()
  local mode = redis.pcall('INFO', 'cluster')
  if type(mode) ~= 'string' or not string.find(mode, 'cluster_enabled:1', 1, true) then return 0 end
  local state = redis.pcall('CLUSTER', 'INFO')
  return type(state) == 'string' and tonumber(string.match(state, 'cluster_my_epoch:(%d+)')) or 0
end

-- The same owner again did not hear the first answer: it keeps its token.
if ends <= now then
  if for_another then return {0, promised - now, 0} end
  epoch = math.max(epoch, tonumber(ARGV[1]), epoch_of_node())
  sequence = math.max(sequence + 1, now)
end
-- Whole numbers below 2^53 stay exact on their way to a command and to a reply.
redis.call('HSET', KEYS[1], 'epoch', epoch, 'sequence', sequence, 'owner', ARGV[2], 'until', now + ARGV[3] * 1000)
if held[5] == ARGV[2] then redis.call('HDEL', KEYS[1], 'next', 'promised') end
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ARGV[4])
return {1, epoch, sequence}

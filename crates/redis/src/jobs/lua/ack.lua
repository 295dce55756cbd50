-- KEYS: stream; ARGV: receipts
redis.call('XACK', KEYS[1], 'workers', unpack(ARGV))
-- Deleted: what is done must not make the stream grow.
return redis.call('XDEL', KEYS[1], unpack(ARGV))

-- A queue as a whole, seen in one moment; for `verify`. It only reads.
-- KEYS: 1 the queue's meta (it routes)   ARGV: 1 "<prefix>:<queue>:"
-- Gives the lengths of wait, paused, active, prioritized, delayed, completed, failed, waiting-children; whether it is shut (paused,
-- at its concurrency, at its rate limit); members of the marker; the id that is next; then names and types of what has a wrong shape.
local prefix = ARGV[1]
local SHAPES = {
	{ 'wait', 'list' }, { 'paused', 'list' }, { 'active', 'list' }, { 'prioritized', 'zset' }, { 'delayed', 'zset' },
	{ 'completed', 'zset' }, { 'failed', 'zset' }, { 'waiting-children', 'zset' }, { 'marker', 'zset' }, { 'stalled', 'set' },
	{ 'events', 'stream' }, { 'meta', 'hash' }, { 'pc', 'string' }, { 'id', 'string' }, { 'limiter', 'string' },
	{ 'stalled-check', 'string' },
}

local right, wrong = {}, {}
for _, shape in ipairs(SHAPES) do
	local is = redis.call('TYPE', prefix .. shape[1]).ok
	right[shape[1]] = is == shape[2]
	if is ~= shape[2] and is ~= 'none' then
		wrong[#wrong + 1] = shape[1]
		wrong[#wrong + 1] = is
	end
end

local function size(name, command)
	return right[name] and redis.call(command, prefix .. name) or 0
end

local meta = right.meta and redis.call('HMGET', prefix .. 'meta', 'paused', 'concurrency', 'max') or {}
local active = size('active', 'LLEN')
local shut = meta[1] and true or false
local most = tonumber(meta[2] or nil)
if most and active >= most then
	shut = true
end
-- Our own limit a second is no setting of the queue's, but it counts in the same key.
if right.limiter and redis.call('PTTL', prefix .. 'limiter') > 0 then
	shut = true
end
local next_id = right.wait and redis.call('LINDEX', prefix .. 'wait', '-1') or false
if not next_id and right.prioritized then
	next_id = redis.call('ZRANGE', prefix .. 'prioritized', '0', '0')[1] or false
end
return {
	size('wait', 'LLEN'), size('paused', 'LLEN'), active, size('prioritized', 'ZCARD'), size('delayed', 'ZCARD'),
	size('completed', 'ZCARD'), size('failed', 'ZCARD'), size('waiting-children', 'ZCARD'), shut and 1 or 0,
	size('marker', 'ZCARD'), next_id, wrong,
}

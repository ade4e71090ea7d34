-- Where the jobs of the given deviations are, a line each: deviation, state, attempts made, whether the clean-up job was added.
-- ARGV: 1 "bull:<queue>:"  2 "bull:storage-cleanup:"  3.. deviations
local prefix, cleanup = ARGV[1], ARGV[2]

local function state_of(id)
	for _, state in ipairs({'completed', 'failed', 'delayed', 'prioritized', 'waiting-children'}) do
		if redis.call('ZSCORE', prefix .. state, id) then
			return state
		end
	end
	for _, state in ipairs({'active', 'wait', 'paused'}) do
		if redis.call('LPOS', prefix .. state, id) then
			return state
		end
	end
	return redis.call('EXISTS', prefix .. id) == 1 and 'lost' or 'removed'
end

local lines = {}
for i = 3, #ARGV do
	local id = 'deviation-' .. ARGV[i]
	lines[#lines + 1] = table.concat({
		ARGV[i],
		state_of(id),
		redis.call('HGET', prefix .. id, 'atm') or '0',
		redis.call('EXISTS', cleanup .. 'storage-cleanup-' .. ARGV[i]) == 1 and 't' or 'f',
	}, '\t')
end
return lines

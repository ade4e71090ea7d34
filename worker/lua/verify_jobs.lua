-- What Redis knows of some jobs, each seen in one moment; for `verify`. It only reads.
-- KEYS: 1 the queue's meta (it routes)   ARGV: 1 "<prefix>:<queue>:"   2 "1" = walk the lists for the ids, too   3 and more: ids
-- Gives for each: type of its key; the fields; its log; its lock and the lock's life; scores in the five sets; whether it is in
-- `stalled`; how often it is in wait, paused, active (-1: not asked); its unfinished children, and one of them that does not exist.
local prefix, walk = ARGV[1], ARGV[2] == '1'
local FIELDS = { 'name', 'data', 'timestamp', 'priority', 'atm', 'attemptsMade', 'ats', 'processedOn', 'finishedOn', 'failedReason',
	'stacktrace', 'returnvalue', 'progress' }
local SETS = { 'prioritized', 'delayed', 'completed', 'failed', 'waiting-children' }
local LISTS = { 'wait', 'paused', 'active' }
local LONGEST = 16384

local function log_of(key)
	local rows = ask('LRANGE', key .. ':logs', '-100', '-1')
	return rows and string.sub(table.concat(rows, '\n'), 1, LONGEST) or false
end

local function children_of(key)
	local count = ask('SCARD', key .. ':dependencies') or 0
	local some = count > 0 and ask('SSCAN', key .. ':dependencies', '0', 'COUNT', '50') or { '0', {} }
	for _, child in ipairs(some[2]) do
		if ask('EXISTS', child) == 0 then
			return count, child
		end
	end
	return count, false
end

local answer = {}
for i = 3, #ARGV do
	local id = ARGV[i]
	local key = prefix .. id
	local job = { redis.call('TYPE', key).ok }
	local fields = ask('HMGET', key, unpack(FIELDS)) or {}
	for n = 1, #FIELDS do
		job[#job + 1] = fields[n] and string.sub(fields[n], 1, LONGEST) or false
	end
	job[#job + 1] = log_of(key)
	job[#job + 1] = ask('GET', key .. ':lock')
	job[#job + 1] = redis.call('PTTL', key .. ':lock')
	local parent = false
	for _, set in ipairs(SETS) do
		local score = ask('ZSCORE', prefix .. set, id)
		job[#job + 1] = score
		parent = set == 'waiting-children' and score
	end
	job[#job + 1] = ask('SISMEMBER', prefix .. 'stalled', id) or 0
	for _, list in ipairs(LISTS) do
		local at = walk and ask('LPOS', prefix .. list, id, 'COUNT', '0')
		job[#job + 1] = walk and (at and #at or 0) or -1
	end
	local count, gone = -1, false
	if parent then
		count, gone = children_of(key)
	end
	job[#job + 1] = count
	job[#job + 1] = gone
	answer[#answer + 1] = job
end
return answer

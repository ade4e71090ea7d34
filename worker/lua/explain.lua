-- What Redis knows of one deviation's job, its queue and the gates before it, seen in one moment; for `explain`. It only reads.
-- KEYS: 1 the queue's meta (it routes)   2 rate-limit:<user>:state   3 rate-limit:<user>:slots   4 circuit:deviantart:publish:<user>
--       5 circuit:deviantart:application
-- ARGV: 1 "<prefix>:<queue>:"   2 the job's id   3 our own limit a second ("" = none)   4 and more: who may have reserved a slot
--       ("<deviation>:<file>")
-- Gives: Redis' clock; the job's state, when it is due if it is delayed, how many are taken before it (-1: does not wait); its lock and the
-- lock's life; the last row of its log; the fields; whether the queue is paused, its concurrency ("" = no limit), how many are active, for
-- how long its rate limit is shut; the reserved slot (false: none); the texts of KEYS 2, 4 and 5.
local prefix, id = ARGV[1], ARGV[2]
local key = prefix .. id
local FIELDS = { 'timestamp', 'priority', 'atm', 'attemptsMade', 'ats', 'processedOn', 'finishedOn', 'failedReason', 'pb', 'progress', 'opts' }
local SETS = { 'completed', 'failed', 'delayed', 'prioritized', 'waiting-children' }
local LONGEST = 4096

local function text(value)
	return type(value) == 'string' and string.sub(value, 1, LONGEST) or false
end

-- A list is taken from its end; what has a priority comes after all that has none.
local function ahead_in(list)
	local at = ask('LPOS', prefix .. list, id, 'RANK', '-1')
	return at and ask('LLEN', prefix .. list) - 1 - at
end

local function place()
	for _, set in ipairs(SETS) do
		local score = ask('ZSCORE', prefix .. set, id)
		if score and set == 'delayed' then
			return set, string.format('%.0f', math.floor(score / 4096)), -1
		elseif score and set == 'prioritized' then
			return set, '0', (ask('LLEN', prefix .. 'wait') or 0) + (ask('ZRANK', prefix .. set, id) or 0)
		elseif score then
			return set, '0', -1
		end
	end
	if ask('LPOS', prefix .. 'active', id) then
		return 'active', '0', -1
	end
	for _, list in ipairs({ 'wait', 'paused' }) do
		local ahead = ahead_in(list)
		if ahead then
			return list, '0', ahead
		end
	end
	return ask('EXISTS', key) == 1 and 'nowhere' or 'missing', '0', -1
end

local function limited(max)
	local used = tonumber(ask('GET', prefix .. 'limiter') or nil) or 0
	return max and used >= max and math.max(0, redis.call('PTTL', prefix .. 'limiter')) or 0
end

local function slot()
	for i = 4, #ARGV do
		local score = ask('ZSCORE', KEYS[3], ARGV[i])
		if score then
			return score
		end
	end
	return false
end

local clock = redis.call('TIME')
local state, due, ahead = place()
local log = ask('LRANGE', key .. ':logs', '-1', '-1')
local meta = ask('HMGET', prefix .. 'meta', 'paused', 'concurrency', 'max') or {}
local answer = {
	clock[1] .. string.format('%03d', clock[2] / 1000), state, due, ahead, text(ask('GET', key .. ':lock')), redis.call('PTTL', key .. ':lock'),
	text(log and log[1]),
}
local fields = ask('HMGET', key, unpack(FIELDS)) or {}
for n = 1, #FIELDS do
	answer[#answer + 1] = text(fields[n])
end
answer[#answer + 1] = meta[1] and 1 or 0
answer[#answer + 1] = text(meta[2])
answer[#answer + 1] = ask('LLEN', prefix .. 'active') or 0
answer[#answer + 1] = limited(tonumber(meta[3] or nil) or tonumber(ARGV[3]))
answer[#answer + 1] = slot()
for _, name in ipairs({ KEYS[2], KEYS[4], KEYS[5] }) do
	answer[#answer + 1] = text(ask('GET', name))
end
return answer

-- counts.lua - jobs by state: waiting, paused, active, prioritized, delayed, completed, failed, waiting-children; and
-- when the job that is next in line was due, the oldest of them (0: nobody waits); whether the queue is paused

-- Made at its timestamp to wait for the delay of its options: the field "delay" is of its last wait, and is 0 after it.
local function due(id)
	if not id or string.sub(id, 1, 2) == "0:" then
		return math.huge
	end
	local job = redis.pcall("HMGET", "@" .. id, "timestamp", "opts") -- an id may be the name of another key
	local made = whole(job[1], 0, 2 ^ 53, 0)
	local is_json, opts = pcall(cjson.decode, job[2] or "")
	if made == 0 then
		return math.huge
	end
	return made + (is_json and type(opts) == "table" and whole(opts.delay, 0, 2 ^ 51, 0) or 0)
end

local function oldest_due()
	local line = call("LRANGE", "@wait", "-2", "-1") -- a marker may lie behind the first in line
	local oldest = math.min(due(line[1]), due(line[2]), due(call("ZRANGE", "@prioritized", "0", "0")[1]))
	return oldest < math.huge and oldest or 0
end

return {
	count_waiting("@wait"), count_waiting("@paused"), call("LLEN", "@active"),
	call("ZCARD", "@prioritized"), call("ZCARD", "@delayed"), call("ZCARD", "@completed"),
	call("ZCARD", "@failed"), call("ZCARD", "@waiting-children"), digits(oldest_due()),
	call("HGET", "@meta", "paused") and 1 or 0,
}

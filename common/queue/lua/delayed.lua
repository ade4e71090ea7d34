-- delayed.lua - the delayed set: due times, scores and the delay marker (5.2, 6.1).

-- When the first delayed job is due, in ms; nil if there is none. The division may leave a fraction.
local function first_due(prefix)
	local first = call("ZRANGE", prefix .. "delayed", "0", "0", "WITHSCORES")
	return first[2] and tonumber(first[2]) / 4096
end

-- `due` is a number. The low 12 bits of a score keep the order inside one millisecond.
local function place_delayed(prefix, meta, id, due)
	local low, high = due * 4096, (due + 1) * 4096 - 1
	local last = call("ZREVRANGEBYSCORE", prefix .. "delayed", digits(high), digits(low),
		"WITHSCORES", "LIMIT", "0", "1")
	local score = last[2] and math.min(tonumber(last[2]) + 1, high) or low
	call("ZADD", prefix .. "delayed", digits(score), id)
	call("XADD", prefix .. "events", "MAXLEN", "~", max_events(prefix, meta), "*",
		"event", "delayed", "jobId", id, "delay", digits(due))
	call("ZADD", prefix .. "marker", string.format("%.17g", first_due(prefix)), "1")
end

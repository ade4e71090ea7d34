-- promote.lua - delayed jobs that are due become ready (7.2), also while the queue is shut.

local function promote(meta)
	local ids = call("ZRANGEBYSCORE", "@delayed", "-inf", digits((now + 1) * 4096 - 1),
		"LIMIT", "0", "1000")
	if #ids == 0 then
		return
	end
	local to = places()
	call("ZREM", "@delayed", unpack(ids))
	for _, id in ipairs(ids) do
		local key = "@" .. id
		local priority = call("HGET", key, "priority")
		-- Removed behind BullMQ's back: nothing that could run, and nothing to create.
		if priority or call("EXISTS", key) == 1 then
			to.place("@", meta, id, to.priority_of(priority), "LPUSH")
			call("XADD", "@events", "*", "event", "waiting", "jobId", id, "prev", "delayed")
			call("HSET", key, "delay", "0")
		end
	end
	to.add_marker("@", meta)
end

-- remove.lua - taking a job away, wherever it is.

-- The caller has made sure that nobody works on it.
local function remove(meta, id, state)
	local key = "@" .. id
	local fields = call("HMGET", key, "parentKey", "parent", "deid")
	if state == "waiting" or state == "paused" then
		call("LREM", state == "paused" and "@paused" or "@wait", "0", id)
	elseif state ~= "unknown" then
		call("ZREM", "@" .. state, id)
	end
	if fields[3] and call("GET", "@de:" .. fields[3]) == id then
		call("DEL", "@de:" .. fields[3], "@dn:" .. fields[3])
	end
	if fields[1] or fields[2] then
		family().child_removed(fields[1], fields[2], key)
	end
	forget(id, state)
	call("XADD", "@events", "MAXLEN", "~", places().max_events("@", meta), "*", "event", "removed",
		"jobId", id, "prev", state)
end

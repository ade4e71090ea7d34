-- reprocess.lua - a job that failed goes back to work, as Job.retry() has it (9.5). Its counters stay: a job whose attempts are used up gets one
-- more. It is told from one that waits to be tried again by what it lacks: processedOn.
-- ARGV: id. Gives { the state it was in, "1" if it was put to work, else "0" }

local id = ARGV[1]
local key = "@" .. id
local state = state_of(id)
if state ~= "failed" or call("EXISTS", key .. ":lock") == 1 then
	return { state, "0" }
end
call("ZREM", "@failed", id)
if call("EXISTS", key) == 0 then
	-- Removed behind BullMQ's back: nothing that could run.
	return { "missing", "0" }
end

-- A parent that still waits for its children waits for this one again.
local function move_back(parent)
	if parent and call("EXISTS", parent) == 1 and
		(redis.pcall("ZREM", parent .. ":unsuccessful", key) == 1 or redis.pcall("HDEL", parent .. ":failed", key) == 1) then
		redis.pcall("SADD", parent .. ":dependencies", key)
	end
end

local meta = read_meta("@")
local to = places()
local fields = call("HMGET", key, "priority", "opts", "parentKey")
local is_json, opts = pcall(cjson.decode, fields[2] or "")
call("HDEL", key, "finishedOn", "processedOn", "failedReason")
to.place("@", meta, id, to.priority_of(fields[1]), is_json and type(opts) == "table" and opts.lifo == true and "RPUSH" or "LPUSH")
to.add_marker("@", meta)
move_back(fields[3])
call("XADD", "@events", "MAXLEN", "~", to.max_events("@", meta), "*", "event", "waiting", "jobId", id, "prev", "failed")
return { state, "1" }

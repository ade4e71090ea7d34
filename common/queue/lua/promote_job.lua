-- promote_job.lua - a delayed job need not wait any longer, as Job.promote() has it.
-- ARGV: id. Gives 1, or 0 where it is not delayed.

local id = ARGV[1]
local key = "@" .. id
if call("ZREM", "@delayed", id) == 0 then
	return 0
end
local meta = read_meta("@")
local to = places()
local priority = call("HGET", key, "priority")
if not priority and call("EXISTS", key) == 0 then
	return 0
end
to.place("@", meta, id, to.priority_of(priority), "LPUSH")
to.add_marker("@", meta)
call("XADD", "@events", "*", "event", "waiting", "jobId", id, "prev", "delayed")
call("HSET", key, "delay", "0")
return 1

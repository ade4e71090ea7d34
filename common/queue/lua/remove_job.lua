-- remove_job.lua - ARGV: id. Gives 1 if the job was removed.

local id = ARGV[1]
local state = state_of(id)
if state == "missing" or state == "active" or call("EXISTS", "@" .. id .. ":lock") == 1 then
	return 0
end
-- A schedule ends when its next run is taken away.
local scheduler = call("HGET", "@" .. id, "rjk")
if scheduler and state == "delayed" and call("ZSCORE", "@repeat", scheduler) then
	return 0
end
remove(read_meta("@"), id, state)
return 1

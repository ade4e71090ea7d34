-- progress.lua - 14.2. ARGV: id, JSON

local key = "@" .. ARGV[1]
if call("EXISTS", key) == 0 then
	return 0
end
call("HSET", key, "progress", ARGV[2])
call("XADD", "@events", "MAXLEN", "~", places().max_events("@", read_meta("@")), "*", "event", "progress",
	"jobId", ARGV[1], "data", ARGV[2])
return 1

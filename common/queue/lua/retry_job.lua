-- retry_job.lua - back to work later or at once, with or without burning an attempt (9.2, 9.3, 10), and claim the
-- next job.
-- ARGV: id, token, delay ms ("0" = at once), burn ("1" or "0"), reason, stack trace (JSON), lifo ("1" or "0"),
--       fetch next ("1" or "0"), then what fetch.lua wants
-- Gives { E } or { E, claim }, { L } lost.

local id, token = ARGV[1], ARGV[2]
local key = "@" .. id
local fields, refused = give_up(id, token, false)
if not fields then
	return { refused }
end

local meta = read_meta("@")
local to = places()
if ARGV[4] == "1" then
	call("HSET", key, "failedReason", ARGV[5], "stacktrace", ARGV[6],
		"atm", digits(whole(fields[2], 0, 2147483646, 0) + 1))
end
if ARGV[3] ~= "0" then
	call("HSET", key, "delay", ARGV[3])
	to.place_delayed("@", meta, id, now + ARGV[3])
else
	promote(meta)
	to.place("@", meta, id, to.priority_of(fields[1]), ARGV[7] == "1" and "RPUSH" or "LPUSH")
	to.add_marker("@", meta)
	call("XADD", "@events", "MAXLEN", "~", to.max_events("@", meta), "*", "event", "waiting",
		"jobId", id, "prev", "active")
end
return { "E", ARGV[8] == "1" and fetch(meta, token, 9) or nil }

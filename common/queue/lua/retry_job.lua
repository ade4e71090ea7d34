-- retry_job.lua - back to work later or at once, with or without burning an attempt (9.2, 9.3, 10), and claim the
-- next job.
-- ARGV: id, token, started, claimed, delay ms ("0" = at once), burn ("1" or "0"), reason, stack trace (JSON),
--       lifo ("1" or "0"), fetch next ("1" or "0"), then what fetch.lua wants
-- Gives { E } or { E, claim }; { L }, { A } (give_up.lua).

local id, token = ARGV[1], ARGV[2]
local key = "@" .. id
local fields, refused = give_up(id, token, ARGV[3], ARGV[4])
if not fields then
	return { refused }
end

local meta = read_meta("@")
local to = places()
if ARGV[6] == "1" then
	call("HSET", key, "failedReason", ARGV[7], "stacktrace", ARGV[8],
		"atm", digits(whole(fields[2], 0, 2147483646, 0) + 1))
end
if ARGV[5] ~= "0" then
	call("HSET", key, "delay", ARGV[5])
	to.place_delayed("@", meta, id, now + ARGV[5])
else
	promote(meta)
	to.place("@", meta, id, to.priority_of(fields[1]), ARGV[9] == "1" and "RPUSH" or "LPUSH")
	to.add_marker("@", meta)
	call("XADD", "@events", "MAXLEN", "~", to.max_events("@", meta), "*", "event", "waiting",
		"jobId", id, "prev", "active")
end
return { "E", ARGV[10] == "1" and fetch(meta, token, 11) or nil }

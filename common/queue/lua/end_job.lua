-- end_job.lua - complete or fail, and claim the next job.
-- ARGV: id, token, started, claimed, target, value, stack trace (JSON or ""), keep count, keep age ("" = any),
--       keep limit, attempts, metrics points, fetch next ("1" or "0"), then what fetch.lua wants
-- Gives { E } or { E, claim }; { L }, { A }, { C } (give_up.lua).

local id, token, target = ARGV[1], ARGV[2], ARGV[5]
local fields, refused = give_up(id, token, ARGV[3], ARGV[4], target == "completed")
if not fields then
	return { refused }
end

local meta = read_meta("@")
-- Before anything is written, so that what is new survives a short limit.
call("XTRIM", "@events", "MAXLEN", "~", meta[5] == "10000" and meta[5] or places().max_events("@", meta))
if ARGV[7] ~= "" then
	call("HSET", "@" .. id, "stacktrace", ARGV[7])
end
finish(meta, id, fields, target, ARGV[6], ARGV[8], ARGV[9], ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12]))

local claim = ARGV[13] == "1" and fetch(meta, token, 14) or nil
-- Not while delayed jobs exist or the queue is shut, if one was looked for: that is BullMQ's rule (8.1, 11).
if (not claim or (claim[1] == "N" and claim[3] == "0")) and
	call("EXISTS", "@wait", "@active", "@prioritized") == 0 then
	call("XADD", "@events", "*", "event", "drained")
end
return { "E", claim }

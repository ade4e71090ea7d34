-- end_job.lua - complete or fail, and claim the next job.
-- ARGV: id, token, target, value, stack trace (JSON or ""), keep count, keep age ("" = any), keep limit, attempts,
--       metrics points, fetch next ("1" or "0"), then what fetch.lua wants
-- Gives { E } or { E, claim }, { L } lost, { C } pending or failed children.

local id, token, target = ARGV[1], ARGV[2], ARGV[3]
local fields, refused = give_up(id, token, target == "completed")
if not fields then
	return { refused }
end

local meta = read_meta("@")
-- Before anything is written, so that what is new survives a short limit.
call("XTRIM", "@events", "MAXLEN", "~", meta[5] == "10000" and meta[5] or places().max_events("@", meta))
if ARGV[5] ~= "" then
	call("HSET", "@" .. id, "stacktrace", ARGV[5])
end
finish(meta, id, fields, target, ARGV[4], ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]))

local claim = ARGV[11] == "1" and fetch(meta, token, 12) or nil
-- Not while delayed jobs exist or the queue is shut, if one was looked for: that is BullMQ's rule (8.1, 11).
if (not claim or (claim[1] == "N" and claim[3] == "0")) and
	call("EXISTS", "@wait", "@active", "@prioritized") == 0 then
	call("XADD", "@events", "*", "event", "drained")
end
return { "E", claim }

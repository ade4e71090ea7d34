-- look.lua - what the dispatcher wants to know before it hands out turns. ARGV: own limit ("" = none)
-- Gives waiting, prioritized, active, next due, now, paused, concurrency left (-1 = no limit), limited ms

local meta = read_meta("@")
promote(meta)
local active = call("LLEN", "@active")
local most = tonumber(meta[2])
local max = tonumber(meta[3]) or tonumber(ARGV[1])
local limited = 0
if max and (tonumber(call("GET", "@limiter")) or 0) >= max then
	limited = math.max(0, call("PTTL", "@limiter"))
end
local due = places().first_due("@")
return {
	count_waiting("@wait"), call("ZCARD", "@prioritized"), active,
	due and digits(due) or "0", now, meta[1] and 1 or 0,
	digits(most and math.max(0, most - active) or -1), limited,
}

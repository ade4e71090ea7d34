-- limiter.lua - the limits that hold for everybody on this queue (12.2).
-- ARGV: our own limit a second ("" = none), "1" to open the rate limit now, as Queue.removeRateLimitKey() has it
-- Gives, as they were: the rate limit ("" = none), its period in ms, for how long it is shut (0 = open), the concurrency ("" = no limit), how many
-- are active.

local meta = read_meta("@")
local max = tonumber(meta[3]) or tonumber(ARGV[1])
local shut = 0
if max and whole(redis.pcall("GET", "@limiter"), 0, 2 ^ 53, 0) >= max then
	shut = math.max(0, call("PTTL", "@limiter"))
end
if ARGV[2] == "1" then
	call("DEL", "@limiter")
	places().add_marker("@", meta) -- who waits for it to open looks again
end
return {
	max and digits(max) or "", digits(ARGV[1] ~= "" and 1000 or whole(meta[4], 1, 1e12, 1000)), shut, meta[2] or "", call("LLEN", "@active"),
}

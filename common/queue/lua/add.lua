-- add.lua - what Queue.add() writes (5.1).
-- ARGV: id ("" = the counter's), name, data, opts, delay ms, priority, replace ("1" or "0")
-- Gives { id, added ("1" or "0") }.

local counted = next_id()
local meta = read_meta("@")
local id = ARGV[1] ~= "" and ARGV[1] or counted
local key = "@" .. id
places().max_events("@", meta)

if call("EXISTS", key) == 1 then
	local state = ARGV[7] == "1" and call("EXISTS", key .. ":lock") == 0 and state_of(id)
	if state == "completed" or state == "failed" or state == "unknown" then
		remove(meta, id, state)
	else
		call("XADD", "@events", "MAXLEN", "~", places().max_events("@", meta), "*", "event", "duplicated",
			"jobId", id)
		return { id, "0" }
	end
end
enqueue(meta, {
	id = id, name = ARGV[2], data = ARGV[3], opts = ARGV[4], delay = tonumber(ARGV[5]),
	priority = tonumber(ARGV[6]), push = "LPUSH",
})
return { id, "1" }

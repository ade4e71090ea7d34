-- find.lua - where a job is.

local SETS = { "completed", "failed", "delayed", "prioritized", "waiting-children" }

-- A state's name, and when a delayed job is due; "unknown" for a hash without a place, "missing" for none.
local function state_of(id)
	for _, name in ipairs(SETS) do
		local score = call("ZSCORE", "@" .. name, id)
		if score then
			return name, name == "delayed" and math.floor(score / 4096) or 0
		end
	end
	if call("LPOS", "@active", id) then
		return "active", 0
	elseif call("LPOS", "@wait", id) then
		return "waiting", 0
	elseif call("LPOS", "@paused", id) then
		return "paused", 0
	end
	return call("EXISTS", "@" .. id) == 1 and "unknown" or "missing", 0
end

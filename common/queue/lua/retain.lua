-- retain.lua - which finished jobs are kept (8.2). Each finishing job applies its own policy to the whole set.

-- A neighbour may have kept a million jobs before the first one with a limit came: a bound for one script.
local TRIM_MOST = 5000

local function forget(id, target)
	local key = "@" .. id
	-- A completed child left its parent's dependencies when it completed; a failed one may still be there.
	if target == "failed" then
		local fields = call("HMGET", key, "parentKey", "parent")
		if fields[1] or fields[2] then
			family().child_removed(fields[1], fields[2], key)
		end
	end
	call("DEL", key, key .. ":logs", key .. ":dependencies", key .. ":processed", key .. ":failed",
		key .. ":unsuccessful")
end

-- count ("-1" = all), age in seconds ("" = any), how many one trimming by age may take; all text.
local function trim(set, target, count, age, most)
	if age ~= "" then
		local before = digits(now - age * 1000)
		local ids = call("ZREVRANGEBYSCORE", set, before, "-inf", "LIMIT", "0", most)
		for _, id in ipairs(ids) do
			forget(id, target)
		end
		for from = 1, #ids, 1000 do
			call("ZREM", set, unpack(ids, from, math.min(from + 999, #ids)))
		end
	end
	local surplus = count ~= "-1" and math.min(call("ZCARD", set) - count, TRIM_MOST) or 0
	if surplus > 0 then
		local popped = call("ZPOPMIN", set, digits(surplus))
		for i = 1, #popped, 2 do
			forget(popped[i], target)
		end
	end
end

-- rarely.lua - what a claim seldom needs.

local OWN_PERIOD_MS = "1000"

-- The reply for "no job": when the first delayed one is due, how long the rate limit is shut.
local function nothing(kind, ttl)
	local due = places().first_due("@")
	return { kind, now, due and digits(due) or "0", digits(ttl or 0) }
end

-- The rate limit (12.2): nil if there is none, else period_ms and, if it is shut now, ttl.
local function rate_limit(meta, own_max)
	local max = tonumber(meta[3]) or tonumber(own_max)
	if not max then
		return nil
	end
	local limit = { period_ms = whole(own_max ~= "" and OWN_PERIOD_MS or meta[4], 1, 1e12, nil) }
	local used = call("GET", "@limiter")
	if used and not string.find(used, "^%d+$") then
		call("DEL", "@limiter")
	elseif (tonumber(used) or 0) >= max then
		local ttl = call("PTTL", "@limiter")
		if ttl > 0 then
			limit.ttl = ttl
		elseif ttl == 0 then
			call("DEL", "@limiter")
		end
	end
	return limit
end

-- The id was pushed to the head of `active`, but another process works on this job. One occurrence must stay,
-- or the job would be in no state once its owner's lock has run out.
local function step_aside(id)
	call("LREM", "@active", "1", id)
	if not call("LPOS", "@active", id) then
		call("LPUSH", "@active", id)
	end
end

-- The job that this token holds already, and its key; nil if there is none.
local function held_job(token)
	for _, id in ipairs(call("LRANGE", "@active", "0", "-1")) do
		local key = "@" .. id
		if call("GET", key .. ":lock") == token and call("EXISTS", key) == 1 then
			return id, key
		end
	end
	return nil
end

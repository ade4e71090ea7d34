-- fetch.lua - the one way a job is taken: by the claim and by every ending that asks for the next job (7.1).
--
-- ARGV from position `at`: worker name ("" = none), lock ms, our own limit per second ("" = none), and "1" if a claim
-- of this token may have gone unnoticed.
--
-- Gives { kind, now, ... }:
--   J id ats fields   claimed          R id ats fields   had been claimed before, the reply was lost
--   N P M L due ttl   nothing to do, paused, at the concurrency limit, rate limited

local function job_fields(key)
	return call("HMGET", key, "name", "data", "opts", "timestamp", "delay", "priority", "atm",
		"attemptsMade", "ats", "stacktrace", "defa", "rjk", "processedOn", "stc", "stalledCounter")
end

-- Takes the next id that has a job behind it which nobody holds; at most a hundred ids.
local function take(limit, token, worker, lock_ms)
	for _ = 1, 100 do
		local id = call("RPOPLPUSH", "@wait", "@active")
		if not id then
			id = call("ZPOPMIN", "@prioritized")[1]
			if not id then
				call("DEL", "@pc")
				return rarely().nothing("N")
			end
			call("LPUSH", "@active", id)
		end
		local key = "@" .. id
		local fields = job_fields(key)
		if not fields[1] and call("EXISTS", key) == 0 then
			-- Removed behind BullMQ's back, or a marker of BullMQ 4 ("0:0").
			call("LREM", "@active", "1", id)
			call("SREM", "@stalled", id)
		elseif not call("SET", key .. ":lock", token, "NX", "PX", lock_ms) and
			call("GET", key .. ":lock") ~= token then
			rarely().step_aside(id)
		else
			-- A job that is only to be failed is no start.
			if limit and limit.period_ms and not fields[11] and call("INCR", "@limiter") == 1 then
				call("PEXPIRE", "@limiter", digits(limit.period_ms))
			end
			local started = digits(whole(fields[9], 0, 2147483646, 0) + 1)
			call("XADD", "@events", "*", "event", "active", "jobId", id, "prev", "waiting")
			if worker ~= "" then
				call("HSET", key, "processedOn", now, "ats", started, "pb", worker)
			else
				call("HSET", key, "processedOn", now, "ats", started)
			end
			-- Wakes the next one, who wakes the next: one added job has one marker.
			call("ZADD", "@marker", "0", "0")
			fields[16] = fields[13]
			fields[13] = now
			return { "J", now, id, started, fields }
		end
	end
	-- There may be more behind them: look again at once.
	call("ZADD", "@marker", "0", "0")
	return { "N", now, now, "0" }
end

local function fetch(meta, token, at)
	promote(meta)
	if ARGV[at + 3] == "1" then
		-- A reply that was lost on its way may have told of a claim. That job is ours: go on with it.
		local id, key = rarely().held_job(token)
		if id then
			local fields = job_fields(key)
			fields[16] = fields[13]
			call("PEXPIRE", key .. ":lock", ARGV[at + 1])
			return { "R", now, id, digits(whole(fields[9], 0, 2147483647, 1)), fields }
		end
	end
	local limit = (meta[3] or ARGV[at + 2] ~= "") and rarely().rate_limit(meta, ARGV[at + 2])
	if limit and limit.ttl then
		return rarely().nothing("L", limit.ttl)
	end
	if meta[1] then
		return rarely().nothing("P")
	end
	local most = tonumber(meta[2])
	if most and call("LLEN", "@active") >= most then
		return rarely().nothing("M")
	end
	return take(limit, token, ARGV[at], ARGV[at + 1])
end

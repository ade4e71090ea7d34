-- stalled.lua - BullMQ's stalled check (11.2). ARGV: interval ms, most recoveries of one job
-- Gives ran, recovered, failed, and for how many ms no further check will run

local REASON = "job stalled more than allowable limit"

-- removeOnFail as finish() wants it: count, age, limit.
local function kept_when_failed(opts)
	local keep = opts.removeOnFail
	if keep == true then
		return "0", "", "1000"
	end
	if type(keep) ~= "table" then
		return digits(whole(type(keep) == "number" and keep, -1, 1e9, -1)), "", "1000"
	end
	return digits(whole(type(keep.count) == "number" and keep.count, -1, 1e9, -1)),
		type(keep.age) == "number" and keep.age >= 0 and string.format("%.17g", math.min(keep.age, 1e12)) or "",
		digits(whole(type(keep.limit) == "number" and keep.limit, 1, 1e6, 1000))
end

local function is_scheduled(scheduler)
	return scheduler and
		(call("EXISTS", "@repeat:" .. scheduler) == 1 or call("ZSCORE", "@repeat", scheduler))
end

local function to_work(meta, id)
	local to = places()
	call("RPUSH", to.list_for("@", meta), id)
	to.add_marker("@", meta)
	call("XADD", "@events", "*", "event", "waiting", "jobId", id, "prev", "active")
	call("XADD", "@events", "*", "event", "stalled", "jobId", id)
end

local function fail(meta, id, opts)
	local fields = call("HMGET", "@" .. id, "priority", "atm", "attemptsMade", "parentKey", "parent", "deid")
	local count, age, limit = kept_when_failed(family().decode(opts))
	finish(meta, id, fields, "failed", REASON, count, age, limit, nil, 0)
end

-- True if the job was failed, false if it is in work again.
local function recover(meta, id, most)
	local key = "@" .. id
	local fields = call("HMGET", key, "stc", "stalledCounter", "processedOn", "rjk", "opts")
	-- Never started: whoever popped it did not get as far, and the job is not to blame.
	if fields[3] then
		local count = whole(fields[1], 0, 1e9, 0) + 1
		call("HSET", key, "stc", digits(count))
		if count + whole(fields[2], 0, 1e9, 0) > most and not is_scheduled(fields[4]) then
			if not family().knows_defa(meta[6]) then
				fail(meta, id, fields[5])
				return true
			end
			call("HSET", key, "defa", REASON)
		end
	end
	to_work(meta, id)
	return false
end

if not call("SET", "@stalled-check", now, "NX", "PX", ARGV[1]) then
	return { 0, 0, 0, math.max(0, call("PTTL", "@stalled-check")) }
end

local meta = read_meta("@")
local most = tonumber(ARGV[2])
local recovered, failed = 0, 0
call("XTRIM", "@events", "MAXLEN", "~", places().max_events("@", meta))
local suspects = call("SMEMBERS", "@stalled")
call("DEL", "@stalled")
for _, id in ipairs(suspects) do
	local key = "@" .. id
	if string.sub(id, 1, 2) == "0:" then
		call("LREM", "@active", "1", id)
	elseif call("EXISTS", key .. ":lock") == 0 and call("LREM", "@active", "1", id) > 0 and
		call("EXISTS", key) == 1 then
		if recover(meta, id, most) then
			failed = failed + 1
		else
			recovered = recovered + 1
		end
	end
end
local active = call("LRANGE", "@active", "0", "-1")
for from = 1, #active, 1000 do
	call("SADD", "@stalled", unpack(active, from, math.min(from + 999, #active)))
end
return { 1, recovered, failed, math.max(0, call("PTTL", "@stalled-check")) }

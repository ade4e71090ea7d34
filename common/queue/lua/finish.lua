-- finish.lua - a job that left `active` is completed or failed for good (8.1 from step 4, 9.4).

-- 14.1. points: minutes that are kept, a number.
local function count_minute(target, points)
	local key = "@metrics:" .. target
	local fields = call("HMGET", key, "count", "prevTS", "prevCount")
	local before = whole(fields[1], 0, 9e15, 0)
	local since = whole(fields[2], 0, 9e15, nil)
	if not since then
		call("HSET", key, "count", digits(before + 1), "prevTS", now, "prevCount", "0")
		return
	end
	local minutes = math.min(math.floor(now / 60000) - math.floor(since / 60000), points)
	if minutes <= 0 then
		call("HSET", key, "count", digits(before + 1))
		return
	end
	call("LPUSH", key .. ":data", digits(before - whole(fields[3], 0, 9e15, 0)))
	for _ = 2, minutes do
		call("LPUSH", key .. ":data", "0")
	end
	call("LTRIM", key .. ":data", "0", digits(points - 1))
	call("HSET", key, "count", digits(before + 1), "prevTS", now, "prevCount", digits(before))
end

-- fields: of give_up(). keep_*: of trim(). attempts: how many the job has; nil for a stalled job, which burns none.
local function finish(meta, id, fields, target, value, keep_count, keep_age, keep_limit, attempts, points)
	local key = "@" .. id
	local failed = target == "failed"
	local value_field = failed and "failedReason" or "returnvalue"
	local related = fields[4] or fields[5] or fields[6]
	if related then
		family().tell(meta, id, fields, target, value)
	end
	local made = whole(fields[2], 0, 2147483646, 0) + (attempts and 1 or 0)
	if keep_count == "0" then
		forget(id, target)
	else
		call("ZADD", "@" .. target, now, id)
		if attempts then
			call("HSET", key, value_field, value, "finishedOn", now, "atm", digits(made))
		else
			call("HSET", key, value_field, value, "finishedOn", now)
		end
		if failed then
			call("HDEL", key, "defa")
		end
		if keep_age ~= "" or keep_count ~= "-1" then
			trim("@" .. target, target, keep_count, keep_age, keep_limit)
		end
	end
	call("XADD", "@events", "*", "event", target, "jobId", id, value_field, value, "prev", "active")
	if failed and attempts and made + whole(fields[3], 0, 2147483646, 0) >= attempts then
		call("XADD", "@events", "*", "event", "retries-exhausted", "jobId", id,
			"attemptsMade", digits(made))
	end
	if points > 0 then
		count_minute(target, points)
	end
end

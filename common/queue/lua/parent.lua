-- parent.lua - what the end of a child means to its parent (15.1). The parent's queue may be another one.

local to = places()

-- Out of waiting-children (or wherever the caller took it from) to where it can run.
local function release_parent(prefix, id)
	local meta = read_meta(prefix)
	local fields = call("HMGET", prefix .. id, "priority", "delay")
	local wait_ms = whole(fields[2], 0, 1e13, 0)
	if wait_ms > 0 then
		to.place_delayed(prefix, meta, id, now + wait_ms)
		return
	end
	to.place(prefix, meta, id, to.priority_of(fields[1]), "RPUSH")
	to.add_marker(prefix, meta)
	call("XADD", prefix .. "events", "*", "event", "waiting", "jobId", id, "prev", "waiting-children")
end

local function release_if_waiting(parent)
	if call("EXISTS", parent.key) == 1 and
		call("ZREM", parent.prefix .. "waiting-children", parent.id) == 1 then
		release_parent(parent.prefix, parent.id)
	end
end

local function release_if_done(parent)
	if call("SCARD", parent.key .. ":dependencies") == 0 then
		release_if_waiting(parent)
	end
end

local function decode(json)
	local ok, value = pcall(cjson.decode, json or "")
	return ok and type(value) == "table" and value or {}
end

-- From the fields parentKey and parent; nil without a parent.
local function parent_of(parent_key, json)
	local flags = decode(json)
	if type(flags.id) == "string" and type(flags.queueKey) == "string" then
		local prefix = flags.queueKey .. ":"
		return { id = flags.id, prefix = prefix, key = parent_key or prefix .. flags.id, flags = flags }
	end
	local prefix, id = string.match(parent_key or "", "^(.*:)([^:]+)$")
	return prefix and { id = id, prefix = prefix, key = parent_key, flags = flags }
end

-- Before 5.49.2 nobody looks at `defa`: a worker of that age would simply run the job.
local function knows_defa(version)
	local major, minor, patch = string.match(version or "", "^bullmq:(%d+)%.(%d+)%.(%d+)")
	if not major then
		return true
	end
	return major * 1000000 + minor * 1000 + patch >= 5049002
end

local child_failed

-- Taken out of waiting-children; nobody will claim it. Where it is kept, the next failing job of its queue trims the set.
local function fail_parent(parent, reason)
	call("ZADD", parent.prefix .. "failed", now, parent.id)
	call("HSET", parent.key, "failedReason", reason, "finishedOn", now)
	call("XADD", parent.prefix .. "events", "*", "event", "failed", "jobId", parent.id, "failedReason", reason,
		"prev", "waiting-children")
	local fields = call("HMGET", parent.key, "parentKey", "parent", "deid", "opts")
	local owner = fields[3] and parent.prefix .. "de:" .. fields[3]
	if owner and call("PTTL", owner) == -1 and call("GET", owner) == parent.id then
		call("DEL", owner)
	end
	local above = (fields[1] or fields[2]) and parent_of(fields[1], fields[2])
	if above then
		child_failed(above, parent.key, reason)
	end
	local keep = decode(fields[4]).removeOnFail
	if keep == true or keep == 0 then
		call("ZREM", parent.prefix .. "failed", parent.id)
		call("DEL", parent.key, parent.key .. ":logs", parent.key .. ":dependencies", parent.key .. ":processed",
			parent.key .. ":failed", parent.key .. ":unsuccessful")
	end
end

-- A child that must not fail has failed: the parent fails too, by the hand of whoever claims it; at once where its
-- queue has workers that would run it all the same.
local function doom(parent, child)
	if call("EXISTS", parent.key) == 0 then
		return
	end
	local reason = "child " .. child .. " failed"
	local heeded = knows_defa(read_meta(parent.prefix)[6])
	if heeded then
		call("ZADD", parent.key .. ":unsuccessful", now, child)
	end
	if call("ZREM", parent.prefix .. "waiting-children", parent.id) == 1 then
		if not heeded then
			fail_parent(parent, reason)
			return
		end
		call("HSET", parent.key, "defa", reason)
		release_parent(parent.prefix, parent.id)
	elseif heeded and call("ZREM", parent.prefix .. "delayed", parent.id) == 1 then
		call("HSET", parent.key, "defa", reason, "delay", "0")
		release_parent(parent.prefix, parent.id)
	elseif not call("ZSCORE", parent.prefix .. "failed", parent.id) then
		call("HSET", parent.key, "defa", reason)
	end
end

local function child_completed(parent, child, value)
	if call("SREM", parent.key .. ":dependencies", child) == 1 then
		call("HSET", parent.key .. ":processed", child, value)
		release_if_done(parent)
	end
end

-- BullMQ before 5.49.2 kept the flags in the child's options only.
local function failure_flags(parent, child)
	local flags = parent.flags
	if flags.fpof or flags.cpof or flags.idof or flags.rdof then
		return flags
	end
	return decode(call("HGET", child, "opts"))
end

function child_failed(parent, child, reason)
	local flags = failure_flags(parent, child)
	if not (flags.fpof or flags.cpof or flags.idof or flags.rdof) or
		call("SREM", parent.key .. ":dependencies", child) == 0 then
		return
	end
	if flags.fpof then
		doom(parent, child)
	elseif flags.cpof then
		call("HSET", parent.key .. ":failed", child, reason)
		release_if_waiting(parent)
	else
		if flags.idof then
			call("HSET", parent.key .. ":failed", child, reason)
		end
		release_if_done(parent)
	end
end

-- The child's keys are deleted: its parent must not wait for it any more.
local function child_removed(parent_key, json, child)
	local parent = parent_of(parent_key, json)
	if parent and call("SREM", parent.key .. ":dependencies", child) == 1 then
		release_if_done(parent)
	end
end

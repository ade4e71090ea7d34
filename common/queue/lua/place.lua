-- place.lua - putting a job where the next claim finds it: classes (5.3), lists and pause (12.3), the base
-- marker (6.1). `prefix` is that of the job's own queue: a parent may live in another one.

local CLASS = 4294967296
local PRIORITY_MAX = 2097151

local function priority_of(value)
	return whole(value, 0, PRIORITY_MAX, 0)
end

local function max_events(prefix, meta)
	local length = meta[5]
	if not length then
		call("HSET", prefix .. "meta", "opts.maxLenEvents", "10000")
		meta[5] = "10000"
	elseif not string.find(length, "^%d+$") or #length > 15 then
		meta[5] = "10000"
	end
	return meta[5]
end

local function add_marker(prefix, meta)
	local most = tonumber(meta[2])
	if not meta[1] and not (most and call("LLEN", prefix .. "active") >= most) then
		call("ZADD", prefix .. "marker", "0", "0")
	end
end

-- BullMQ 4 and 5 move `wait` away while paused and move it back over whatever `wait` holds then; 6 leaves it
-- where it is, and takes up a list `paused` that others left behind. Which of them has paused the queue is seen by
-- what is there; where nothing waits, by the version, though that is only the last one's who came by.
local function list_for(prefix, meta)
	if not meta[1] then
		return prefix .. "wait"
	end
	local major = tonumber(string.match(meta[6] or "", "^bullmq:(%d+)%."))
	if call("EXISTS", prefix .. "paused") == 0 and
		((major and major >= 6) or call("EXISTS", prefix .. "wait") == 1) then
		return prefix .. "wait"
	end
	return prefix .. "paused"
end

-- At the end of its class.
local function place(prefix, meta, id, priority, push)
	if priority == 0 then
		call(push, list_for(prefix, meta), id)
		return
	end
	local count = redis.pcall("INCR", prefix .. "pc")
	if type(count) ~= "number" then
		call("SET", prefix .. "pc", "1")
		count = 1
	end
	call("ZADD", prefix .. "prioritized", digits(priority * CLASS + count % CLASS), id)
end

-- At the front of its class: it has waited before.
local function place_front(prefix, meta, id, priority)
	if priority == 0 then
		call("RPUSH", list_for(prefix, meta), id)
	else
		call("ZADD", prefix .. "prioritized", digits(priority * CLASS), id)
	end
end

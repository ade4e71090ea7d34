-- enqueue.lua - a new job: its hash and its place (5.1 to 5.4, 5.41.0 and later).

-- job: id, name, data, opts (JSON text, stored as it is), delay (ms), priority, push, and further pairs of the hash
local function enqueue(meta, job)
	local key = "@" .. job.id
	local to = places()
	call("HSET", key, "name", job.name, "data", job.data, "opts", job.opts, "timestamp", now,
		"delay", digits(job.delay), "priority", digits(job.priority))
	if job.more and #job.more > 0 then
		call("HSET", key, unpack(job.more))
	end
	call("XADD", "@events", "*", "event", "added", "jobId", job.id, "name", job.name)
	if job.delay > 0 then
		to.place_delayed("@", meta, job.id, now + job.delay)
		return
	end
	to.place("@", meta, job.id, job.priority, job.push)
	to.add_marker("@", meta)
	call("XADD", "@events", "MAXLEN", "~", to.max_events("@", meta), "*", "event", "waiting",
		"jobId", job.id)
end

-- The counter goes up with every add, also with one whose id was given.
local function next_id()
	local count = redis.pcall("INCR", "@id")
	if type(count) ~= "number" then
		call("SET", "@id", "1")
		count = 1
	end
	return digits(count)
end

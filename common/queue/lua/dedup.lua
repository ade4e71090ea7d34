-- dedup.lua - deduplication ids of finished jobs (15.2).

local function release_dedup(dedup_id, id)
	local key = "@de:" .. dedup_id
	local ttl = call("PTTL", key)
	if ttl == 0 or (ttl == -1 and call("GET", key) == id) then
		call("DEL", key)
	end
end

local function own_dedup(dedup_id, id, dedup)
	local ttl = whole(dedup.ttl, 0, 1e15, 0)
	if ttl > 0 and not dedup.keepLastIfActive then
		call("SET", "@de:" .. dedup_id, id, "PX", digits(ttl))
	else
		call("SET", "@de:" .. dedup_id, id)
	end
end

-- dn:<id> holds what was asked for while the owner ran: the job that follows it.
local function requeue_dedup(meta, dedup_id)
	local next_key = "@dn:" .. dedup_id
	local fields = call("HMGET", next_key, "name", "data", "opts", "pk", "pd", "pdk", "rjk", "jid")
	if not fields[1] and call("EXISTS", next_key) == 0 then
		return
	end
	local counted = next_id()
	local id = fields[8] or counted
	local opts = decode(fields[3])
	local dedup = type(opts.de) == "table" and opts.de or {}
	local more = {}
	for _, pair in ipairs({ { "parentKey", 4 }, { "parent", 5 }, { "rjk", 7 } }) do
		if fields[pair[2]] then
			more[#more + 1] = pair[1]
			more[#more + 1] = fields[pair[2]]
		end
	end
	if dedup.id then
		more[#more + 1] = "deid"
		more[#more + 1] = tostring(dedup.id)
	end
	own_dedup(dedup_id, id, dedup)
	enqueue(meta, {
		id = id, name = fields[1] or "", data = fields[2] or "{}", opts = fields[3] or "{}",
		delay = whole(opts.delay, 0, 1e13, 0), priority = to.priority_of(opts.priority),
		push = opts.lifo and "RPUSH" or "LPUSH", more = more,
	})
	if fields[6] then
		call("SADD", fields[6], "@" .. id)
	end
	call("DEL", next_key)
end

-- Of whom the end of this job has to be told. fields: of give_up().
local function tell(meta, id, fields, target, value)
	if fields[6] then
		release_dedup(fields[6], id)
		requeue_dedup(meta, fields[6])
	end
	local parent = (fields[4] or fields[5]) and parent_of(fields[4], fields[5])
	if not parent then
		return
	end
	if target == "failed" then
		child_failed(parent, "@" .. id, value)
	else
		child_completed(parent, "@" .. id, value)
	end
end

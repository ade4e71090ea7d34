-- pause.lua - what Queue.pause() and Queue.resume() write (12.1).
-- ARGV: "paused" or "resumed". Gives 1, or 0 where the queue is so already and nothing was changed.

local meta = read_meta("@")
if (ARGV[1] == "paused") == (meta[1] and true or false) then
	return 0
end

-- Nothing that lies in `paused` may be overwritten: it goes before what waits. unpack() bears some 7000.
local function gather()
	if call("EXISTS", "@paused") == 1 and call("EXISTS", "@wait") == 0 then
		call("RENAME", "@paused", "@wait")
		return
	end
	local ids = call("LRANGE", "@paused", "0", "6999")
	while #ids > 0 do
		call("RPUSH", "@wait", unpack(ids))
		call("LTRIM", "@paused", digits(#ids), "-1")
		ids = call("LRANGE", "@paused", "0", "6999")
	end
end

-- BullMQ 6 leaves `wait` where it is; those before it, whose resume moves `paused` over whatever `wait` holds, must find it moved away.
local function leaves_wait()
	local major = tonumber(string.match(meta[6] or "", "^bullmq:(%d+)%."))
	return major and major >= 6
end

gather()
if ARGV[1] == "paused" then
	if not leaves_wait() and call("EXISTS", "@wait") == 1 then
		call("RENAME", "@wait", "@paused")
	end
	call("HSET", "@meta", "paused", "1")
	call("DEL", "@marker")
else
	call("HDEL", "@meta", "paused")
	local due = places().first_due("@")
	if call("LLEN", "@wait") + call("ZCARD", "@prioritized") > 0 then
		call("ZADD", "@marker", "0", "0")
	elseif due then
		call("ZADD", "@marker", string.format("%.17g", due), "1")
	end
end
call("XADD", "@events", "*", "event", ARGV[1])
return 1

-- base.lua - stands in front of every script.
--
-- A string that begins with @ is a key of the queue: "@wait" becomes "<prefix>:<queue>:wait"; one that begins
-- with ! is a private key of ours: "!dead:" becomes "<prefix>-publisher:<queue>:dead:". queue_script.c puts the
-- text there when the queue is opened, so that no key is put together while a script runs.
--
-- Redis does not undo what a script has done when it breaks off half way. Whatever somebody else may have
-- written is therefore read by whole(), which always gives a number, and counters are computed, not HINCRBYed.
--
-- Each run makes every function anew that it comes by, called or not. What most runs do not need is therefore put
-- into functions that are only made when they are called: places(), rarely(), family() (queue_script.c).

local call = redis.call

local clock = call("TIME")
local now = clock[1] .. string.format("%03d", clock[2] / 1000)

local function whole(value, least, most, otherwise)
	local n = tonumber(value)
	if not n or n ~= n then
		return otherwise
	end
	return math.max(least, math.min(most, math.floor(n)))
end

-- Lua's own conversion keeps 14 digits only; scores have 16.
local function digits(n)
	return string.format("%d", n)
end

-- paused, concurrency, max, duration, maxLenEvents, version: `meta` everywhere below.
local function read_meta(prefix)
	return call("HMGET", prefix .. "meta", "paused", "concurrency", "max", "duration",
		"opts.maxLenEvents", "version")
end

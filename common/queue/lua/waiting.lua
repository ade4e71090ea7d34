-- waiting.lua - the length of `wait` or `paused` without the markers of BullMQ 4 (6.2), which lie at an end of it.

local function count_waiting(key)
	local length = call("LLEN", key)
	if length == 0 then
		return 0
	end
	local markers = 0
	if string.sub(call("LINDEX", key, "-1"), 1, 2) == "0:" then
		markers = 1
	end
	if length > 1 and string.sub(call("LINDEX", key, "0"), 1, 2) == "0:" then
		markers = markers + 1
	end
	return length - markers
end

-- renew.lua - renews locks (11.1). ARGV: lock ms, then id, token pairs. Gives the positions (from 0) of the lost.

local lost = {}
for i = 2, #ARGV, 2 do
	local id, token = ARGV[i], ARGV[i + 1]
	local lock_key = "@" .. id .. ":lock"
	if call("GET", lock_key) == token then
		call("SET", lock_key, token, "PX", ARGV[1])
		call("SREM", "@stalled", id)
	else
		lost[#lost + 1] = i / 2 - 1
	end
end
return lost

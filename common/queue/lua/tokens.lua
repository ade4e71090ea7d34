-- tokens.lua - who holds the active jobs. ARGV: how the tokens of interest begin. Gives id, token, id, token ...

local MOST = 2000
local wanted = ARGV[1]
local found = {}
for _, id in ipairs(call("LRANGE", "@active", "0", "-1")) do
	local token = call("GET", "@" .. id .. ":lock")
	if token and string.sub(token, 1, #wanted) == wanted then
		found[#found + 1] = id
		found[#found + 1] = token
		if #found >= 2 * MOST then
			break
		end
	end
end
return found

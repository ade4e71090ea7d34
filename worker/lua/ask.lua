-- Stands in front of scripts that look at what may be anybody's: what lies there in another shape counts as absent.
local function ask(...)
	local reply = redis.pcall(...)
	if type(reply) == 'table' and reply.err then
		return false
	end
	return reply
end


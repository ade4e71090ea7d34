-- hand_back.lua - a process is dead: all jobs that its token locks go back, and a tombstone stops what it may
-- still have in flight. ARGV: token, life of the tombstone in ms. Gives the ids.

local token = ARGV[1]
local meta = read_meta("@")
local returned = {}
-- give_up() would refuse a token that has its tombstone already: this may be the second time.
call("DEL", "!dead:" .. token)
for _, id in ipairs(call("LRANGE", "@active", "0", "-1")) do
	local fields = call("GET", "@" .. id .. ":lock") == token and give_up(id, token)
	if fields then
		put_back(meta, id, fields[1])
		returned[#returned + 1] = id
	end
end
call("SET", "!dead:" .. token, now, "PX", ARGV[2])
return returned

-- log.lua - 14.3. ARGV: id, row, how many rows are kept

local key = "@" .. ARGV[1]
if call("EXISTS", key) == 0 then
	return 0
end
call("RPUSH", key .. ":logs", ARGV[2])
call("LTRIM", key .. ":logs", "-" .. ARGV[3], "-1")
return 1

-- return_job.lua - one job goes back. ARGV: id, token. Gives { E } or { L }.

local fields, refused = give_up(ARGV[1], ARGV[2], false)
if not fields then
	return { refused }
end
put_back(read_meta("@"), ARGV[1], fields[1])
return { "E" }

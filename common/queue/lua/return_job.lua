-- return_job.lua - one job goes back. ARGV: id, token, started, claimed. Gives { E }, { L } or { A } (give_up.lua).

local fields, refused = give_up(ARGV[1], ARGV[2], ARGV[3], ARGV[4])
if not fields then
	return { refused }
end
put_back(read_meta("@"), ARGV[1], fields[1])
return { "E" }

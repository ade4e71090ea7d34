-- claim.lua - takes and locks the next job.
-- ARGV: token, then what fetch.lua wants

if call("EXISTS", "!dead:" .. ARGV[1]) == 1 then
	return { "D", now }
end
return fetch(read_meta("@"), ARGV[1], 2)

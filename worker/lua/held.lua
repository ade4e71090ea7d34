-- Who is held back before DeviantArt, seen in one moment; for /status. It only reads.
-- KEYS: 1 circuit:deviantart:index   2 rate-limit:index
-- ARGV: 1 how many users of each are named, those that are held back longest
-- Gives: Redis' clock; until when everybody's circuit is open (false: it is closed; the past: it is tried); how many users' circuits are not closed,
-- and a list of users and times; how many users' posts wait for their pace, and a list of users, times and how many posts have a place in line.
local CIRCUIT = 'circuit:deviantart:publish:'
local clock = redis.call('TIME')
local now = clock[1] .. string.format('%03d', clock[2] / 1000)
local most = tonumber(ARGV[1])

-- The last ones of a sorted set, the highest first.
local function highest(key, count)
	local members, last = ask('ZRANGE', key, tostring(-count), '-1', 'WITHSCORES') or {}, {}
	for i = #members - 1, 1, -2 do
		last[#last + 1] = { members[i], members[i + 1] }
	end
	return last
end

local application = ask('ZSCORE', KEYS[1], 'circuit:deviantart:application')
local circuits, paces = {}, {}
for _, one in ipairs(highest(KEYS[1], most + 1)) do
	if string.sub(one[1], 1, #CIRCUIT) == CIRCUIT and #circuits < 2 * most then
		circuits[#circuits + 1] = string.sub(one[1], #CIRCUIT + 1)
		circuits[#circuits + 1] = one[2]
	end
end
for _, one in ipairs(highest(KEYS[2], most)) do
	if tonumber(one[2]) > tonumber(now) then
		paces[#paces + 1] = one[1]
		paces[#paces + 1] = one[2]
		paces[#paces + 1] = ask('ZCOUNT', 'rate-limit:' .. one[1] .. ':slots', now, '+inf') or 0
	end
end
return {
	now, application, (ask('ZCOUNT', KEYS[1], '-inf', '+inf') or 0) - (application and 1 or 0), circuits,
	ask('ZCOUNT', KEYS[2], '(' .. now, '+inf') or 0, paces,
}

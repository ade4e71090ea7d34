-- The gates before DeviantArt by hand: what they are, and opening them; for `breaker` and `limit`, in one atomic step as lua/gates.lua takes.
-- KEYS: as lua/gates.lua: 1 rate-limit:<user>:state   2 rate-limit:<user>:slots   3 circuit:deviantart:publish:<user>
--       4 circuit:deviantart:application   5 circuit:deviantart:index   6 rate-limit:index
-- ARGV: 1 what to open: "" nothing, "circuit", "application", "pace"   2 the user   3 the base delay, ms
-- Gives, as they were: Redis' clock; the texts of KEYS 1, 3 and 4 (false: none); how many have a place in the user's line, and when the last one's
-- is (false: nobody's).
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local LONGEST = 4096
local DAY = 86400000

local function text(key)
	local value = ask('GET', key)
	return type(value) == 'string' and string.sub(value, 1, LONGEST) or false
end

local function close(key)
	redis.call('DEL', key)
	ask('ZREM', KEYS[5], key)
end

-- The pace begins anew, but not sooner than it may: what was sent last is remembered for a base delay.
local function open_pace(state_text)
	local ok, state = pcall(cjson.decode, state_text or '')
	local last = ok and type(state) == 'table' and type(state.lastRequest) == 'number' and state.lastRequest or 0
	local earliest = math.min(last, now) + tonumber(ARGV[3])
	redis.call('DEL', KEYS[1], KEYS[2])
	ask('ZREM', KEYS[6], ARGV[2])
	if earliest > now then
		redis.call('SET', KEYS[1], cjson.encode({lastRequest = last, earliest = earliest}), 'PX', DAY)
	end
end

local line = ask('ZREVRANGE', KEYS[2], '0', '0', 'WITHSCORES') or {}
local answer = {
	string.format('%.0f', now), text(KEYS[1]), text(KEYS[3]), text(KEYS[4]),
	line[1] and ask('ZCOUNT', KEYS[2], string.format('%.0f', now), '+inf') or 0, line[2] or false,
}
if ARGV[1] == 'circuit' then
	close(KEYS[3])
elseif ARGV[1] == 'application' then
	close(KEYS[4])
elseif ARGV[1] == 'pace' then
	open_pace(answer[2])
end
return answer

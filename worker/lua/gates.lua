-- The gates before DeviantArt: one user's pace (limiter), his circuit, and the application's circuit, read and changed in one
-- atomic step, so that every process on every host sees one truth. Times are Redis' own, in ms.
--
-- KEYS: 1 rate-limit:<user>:state   2 rate-limit:<user>:slots   3 circuit:deviantart:publish:<user>   4 circuit:deviantart:application
--       5 circuit:deviantart:index (every circuit that is not closed, scored by the end of its open time; for /metrics)
--       6 rate-limit:index (every user whose posts wait for his pace, scored by when the last of them comes; for /status)
-- ARGV: 1 operation ("ask", "ok", "refused", "quota", "leave")   2 who asks ("<deviation>:<file>")
--       3 pacing on (1/0)  4 base delay  5 max delay  6 jitter percent  7 decrease factor  8 increase factor
--       9 breaker on (1/0) 10 threshold 11 open duration 12 probe lease
--      13 a random number 0..999999 14 wait that was asked for (-1 none) 15 whose gate ("user", "application", "none")
-- Reply: ask -> {verdict, wait_ms, reason} (rounded up: Redis cuts fractions, and who comes a part of one early waits again); refused, quota -> {wait_ms}; else {}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local operation, who = ARGV[1], ARGV[2]
local pacing, breaker = ARGV[3] == '1', ARGV[9] == '1'
local base, most, jitter = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local decrease, increase = tonumber(ARGV[7]), tonumber(ARGV[8])
local threshold, open_ms, probe_ms = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local random = tonumber(ARGV[13]) / 1000000
local asked, whose = tonumber(ARGV[14]), ARGV[15]
local DAY = 86400000

-- What is not text, not JSON, or not an object counts as absent: these keys may be anybody's.
local function read(key)
	local text = redis.pcall('GET', key)
	if type(text) ~= 'string' then
		return {}
	end
	local ok, value = pcall(cjson.decode, text)
	return ok and type(value) == 'table' and value or {}
end

-- The sorted sets are ours alone; what lies there in another shape is in the way.
for _, key in ipairs({KEYS[2], KEYS[5], KEYS[6]}) do
	local shape = redis.call('TYPE', key).ok
	if shape ~= 'zset' and shape ~= 'none' then
		redis.call('DEL', key)
	end
end

local function number(value, default)
	return type(value) == 'number' and value or default
end

local function write(key, value, life_ms)
	redis.call('SET', key, cjson.encode(value), 'PX', math.ceil(life_ms))
end

local function delay_of(state)
	return math.min(math.max(number(state.delay, base), base), most)
end

-- When an open circuit may be probed. `openUntil` is ours; who writes the circuit without it means its open duration.
local function open_until(circuit)
	local duration = type(circuit.config) == 'table' and number(circuit.config.openDuration, open_ms) or open_ms
	return number(circuit.openUntil, number(circuit.lastFailureTime, 0) + duration)
end

-- How long until a circuit lets this one through, and whether it would be the probe.
local function circuit_wait(circuit)
	if circuit.state == 'OPEN' then
		local left = open_until(circuit) - now
		if left > 0 then
			return left, false
		end
		return 0, true
	end
	if circuit.state == 'HALF_OPEN' then
		local left = number(circuit.probeUntil, 0) - now
		if left > 0 and circuit.probe ~= who then
			return math.min(left, 5000), false
		end
		return 0, true
	end
	return 0, false
end

local function begin_probe(key, circuit)
	circuit.state = 'HALF_OPEN'
	circuit.halfOpenAttempts = number(circuit.halfOpenAttempts, 0) + 1
	circuit.probe = who
	circuit.probeUntil = now + probe_ms
	write(key, circuit, DAY)
end

local function open(key, circuit, duration)
	circuit.state = 'OPEN'
	circuit.lastFailureTime = now
	circuit.openUntil = math.max(number(circuit.openUntil, 0), now + duration)
	circuit.halfOpenAttempts = 0
	circuit.probe, circuit.probeUntil = nil, nil
	circuit.config = {openDuration = duration}
	write(key, circuit, duration + DAY)
	redis.call('ZADD', KEYS[5], circuit.openUntil, key)
	redis.call('PEXPIRE', KEYS[5], math.ceil(duration + 2 * DAY))
end

local function close(key)
	if redis.call('DEL', key) == 1 then
		redis.call('ZREM', KEYS[5], key)
	end
end

-- When `who` may start: at its own reservation, behind those that were reserved before it and have not come yet; without
-- one, a delay behind the last. A gap's jitter shifts a place in the line, it never costs it.
local function slot_of(state)
	local earliest = math.max(number(state.earliest, 0), number(state.blockedUntil, 0))
	if not pacing then
		return earliest
	end
	local own = tonumber(redis.call('ZSCORE', KEYS[2], who) or nil)
	if own then
		return math.max(own, earliest + redis.call('ZRANK', KEYS[2], who) * delay_of(state))
	end
	local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
	if last[1] then
		return math.max(earliest + redis.call('ZCARD', KEYS[2]) * delay_of(state),
			tonumber(last[2]) + delay_of(state))
	end
	return earliest
end

-- For those who look from outside: until when this user's posts wait.
local function note_wait(until_ms)
	local user = string.match(KEYS[1], '^rate%-limit:(.*):state$')
	if until_ms > (tonumber(redis.call('ZSCORE', KEYS[6], user) or nil) or 0) then
		redis.call('ZADD', KEYS[6], string.format('%.0f', until_ms), user)
		redis.call('PEXPIRE', KEYS[6], math.ceil(until_ms - now + DAY))
	end
	redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now)
end

local function ask()
	local state, user, application = read(KEYS[1]), read(KEYS[3]), read(KEYS[4])
	local wait, reason = 0, ''
	local application_wait, application_probe = circuit_wait(application)
	local user_wait, user_probe = 0, false
	if breaker then
		user_wait, user_probe = circuit_wait(user)
	end
	if application_wait > 0 then
		wait, reason = application_wait, 'application circuit'
	end
	if user_wait > wait then
		wait, reason = user_wait, 'circuit'
	end
	-- Whoever is a minute late does not come any more, or begins anew: his place is free.
	redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 60000)
	redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - DAY)
	local slot = slot_of(state)
	if wait > 0 then
		return {'WAIT', math.ceil(wait), reason}
	end
	if slot > now then
		if pacing then
			redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', slot), who)
			redis.call('PEXPIRE', KEYS[2], math.ceil(slot - now + DAY))
		end
		note_wait(slot)
		return {'WAIT', math.ceil(slot - now), number(state.blockedUntil, 0) > now and 'asked to wait' or 'pace'}
	end
	redis.call('ZREM', KEYS[2], who)
	if pacing then
		local gap = delay_of(state) * (1 + (random * 2 - 1) * jitter / 100)
		state.lastRequest = now
		state.earliest = math.ceil(now + gap)
		write(KEYS[1], state, DAY)
	end
	if application_probe then
		begin_probe(KEYS[4], application)
	end
	if user_probe then
		begin_probe(KEYS[3], user)
	end
	return {'GO', 0, ''}
end

-- A success that began before a gate was shut does not open it; a probe's does.
local function may_close(circuit)
	return circuit.state == 'CLOSED' or (circuit.state == 'HALF_OPEN' and circuit.probe == who)
end

local function ok()
	local state = read(KEYS[1])
	local blocked = number(state.blockedUntil, 0)
	if pacing and blocked <= now and (number(state.delay, base) > base or blocked > 0) then
		state.delay = math.max(base, delay_of(state) * decrease)
		state.blockedUntil = nil
		write(KEYS[1], state, DAY)
	end
	for _, key in ipairs({KEYS[3], KEYS[4]}) do
		if may_close(read(key)) then
			close(key)
		end
	end
	return {}
end

local function refused(is_quota)
	local state, user, application = read(KEYS[1]), read(KEYS[3]), read(KEYS[4])
	local delay = math.min(most, delay_of(state) * increase)
	local wait = asked
	if whose == 'application' then
		local streak = number(application.failures, 0) + 1
		if wait < 0 then
			wait = math.min(300000, 4000 * 2 ^ math.min(streak - 1, 10))
		end
		application.failures = streak
		open(KEYS[4], application, wait)
		return {math.ceil(wait)}
	end
	if wait < 0 then
		wait = delay
	end
	state.delay = delay
	if not is_quota then
		state.blockedUntil = math.max(number(state.blockedUntil, 0), math.ceil(now + wait))
		note_wait(state.blockedUntil)
	end
	write(KEYS[1], state, wait + DAY)
	if breaker then
		user.failures = number(user.failures, 0) + 1
		user.lastFailureTime = now
		if user.state == 'HALF_OPEN' or user.failures >= threshold then
			open(KEYS[3], user, math.max(open_ms, wait))
			wait = math.max(wait, open_ms)
		else
			user.state = 'CLOSED'
			user.halfOpenAttempts = 0
			user.config = {openDuration = open_ms}
			write(KEYS[3], user, DAY)
		end
	end
	return {math.ceil(wait)}
end

-- A job that held the probe ends without a verdict of DeviantArt (an outage, a drain): the next one may probe at once.
local function leave()
	for _, key in ipairs({KEYS[3], KEYS[4]}) do
		local circuit = read(key)
		if circuit.state == 'HALF_OPEN' and circuit.probe == who then
			circuit.probe, circuit.probeUntil = nil, nil
			write(key, circuit, DAY)
		end
	end
	redis.call('ZREM', KEYS[2], who)
	return {}
end

if operation == 'ask' then
	return ask()
elseif operation == 'ok' then
	return ok()
elseif operation == 'refused' then
	return refused(false)
elseif operation == 'quota' then
	return refused(true)
end
return leave()

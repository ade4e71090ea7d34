-- A parked token pair moves to another key, for as long as it had to live; one that was parked in its place meanwhile stays.
-- KEYS: 1 where it is parked   2 where it is kept from now on
-- ARGV: 1 the pair, sealed, as it was read
-- Reply: 1 moved, 0 something else lies there (or nothing)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
	return 0
end
redis.call('RENAME', KEYS[1], KEYS[2])
return 1

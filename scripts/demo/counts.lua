-- How many jobs are in each state, in one look: waiting, active, deferred, completed, failed.
-- ARGV: 1 "bull:<queue>:"
local prefix = ARGV[1]
return {
	redis.call('LLEN', prefix .. 'wait') + redis.call('ZCARD', prefix .. 'prioritized'),
	redis.call('LLEN', prefix .. 'active'),
	redis.call('ZCARD', prefix .. 'delayed'),
	redis.call('ZCARD', prefix .. 'completed'),
	redis.call('ZCARD', prefix .. 'failed'),
}

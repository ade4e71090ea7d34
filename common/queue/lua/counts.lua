-- counts.lua - jobs by state: waiting, paused, active, prioritized, delayed, completed, failed, waiting-children

return {
	count_waiting("@wait"), count_waiting("@paused"), call("LLEN", "@active"),
	call("ZCARD", "@prioritized"), call("ZCARD", "@delayed"), call("ZCARD", "@completed"),
	call("ZCARD", "@failed"), call("ZCARD", "@waiting-children"),
}

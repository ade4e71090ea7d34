-- put_back.lua - a job that left `active` goes to the front of its class; no attempt is burned (10, first row).

local function put_back(meta, id, priority)
	local to = places()
	to.place_front("@", meta, id, to.priority_of(priority))
	to.add_marker("@", meta)
	call("XADD", "@events", "MAXLEN", "~", to.max_events("@", meta), "*", "event", "waiting",
		"jobId", id, "prev", "active")
end

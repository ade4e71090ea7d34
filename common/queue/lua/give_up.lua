-- give_up.lua - a claim ends: the lock is checked and removed, the id leaves `active` (8.1, steps 1 to 3).

-- A token is that of a process, for all its claims. started, claimed (ats, processedOn) tell which of them is meant:
-- a command that was on its way when its connection broke may come when the same process has claimed the same job
-- again. Both, as who adds a job anew or retries it by hand lets ats begin anew. nil: whatever claim it is.
--
-- What the endings want to know of the job: priority, atm, attemptsMade, parentKey, parent, deid. Or nil and why:
-- L the claim is lost, A the token holds the job by another claim (nothing was changed), C children are pending or
-- have failed (asked where a job completes).
local function give_up(id, token, started, claimed, completes)
	local key = "@" .. id
	-- One question for four things that are seldom there.
	local odd = call("EXISTS", "!dead:" .. token, key .. ":dependencies", key .. ":unsuccessful", "@stalled") > 0
	if call("GET", key .. ":lock") ~= token or (odd and call("EXISTS", "!dead:" .. token) == 1) then
		return nil, "L"
	end
	local fields = call("HMGET", key, "priority", "atm", "attemptsMade", "parentKey", "parent", "deid", "ats",
		"processedOn")
	if not fields[1] and call("EXISTS", key) == 0 then
		-- Removed by force while it ran: no hash, so nothing that could be moved anywhere.
		fields = nil
	elseif started and ((fields[7] or started) ~= started or (fields[8] or claimed) ~= claimed) then
		return nil, "A"
	elseif odd and completes and call("EXISTS", key .. ":dependencies", key .. ":unsuccessful") > 0 then
		return nil, "C"
	end
	local removed = call("LREM", "@active", "-1", id)
	call("DEL", key .. ":lock")
	if odd then
		call("SREM", "@stalled", id)
	end
	-- Not in `active`: then it is in another state already, and stays there.
	if not fields or removed == 0 then
		return nil, "L"
	end
	return fields
end

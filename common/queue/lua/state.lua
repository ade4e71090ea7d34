-- state.lua - ARGV: id. Gives the state's name and, for a delayed job, when it is due.

local state, due = state_of(ARGV[1])
return { state, digits(due) }

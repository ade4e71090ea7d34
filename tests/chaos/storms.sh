#!/usr/bin/env bash
# The long storms, as in `make chaos`: TAP on standard output. Half an hour.
#
#   CHAOS_SEED=N    the same blows again (each run prints its seed)
#   CHAOS_POSTS=N   posts of the storm with everything at once [10000]
#   CHAOS_OUTAGES   lengths of the outages, seconds ["0.1 1 5 30 120"]
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s all >&2 || exit 1

export CHAOS_SEED=${CHAOS_SEED:-$((RANDOM * 32768 + RANDOM))}
status=0
# play FILE [NAME=VALUE...]: nothing beside it, so that what is measured is the program.
play() {
	local file=$1
	shift
	env "$@" node --test-reporter=tap "tests/chaos/$file.test.mjs" || status=1
}

play handback
play outages "CHAOS_OUTAGES=${CHAOS_OUTAGES:-0.1 1 5 30 120}"
play slow CHAOS_SLOW_SECONDS=40
play storm CHAOS_POSTS=1000
play load
play mixed 'ONLY=processes|servers' CHAOS_POSTS=2000
play mixed ONLY=everything "CHAOS_POSTS=${CHAOS_POSTS:-10000}"
exit "$status"

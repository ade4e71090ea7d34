#!/usr/bin/env bash
# Storms over a pool under load: processes killed, servers and the ways to them failing; and processes killed at chosen points.
# TAP on standard output.
#
#   tests/chaos/run.sh              the bounded part, as in `make test`
#   CHAOS_SEED=N tests/chaos/run.sh the same blows again (each run prints its seed)
#   CHAOS_POSTS=N                   as many posts per storm [200]
#
# The long parts are in `make chaos`: storms.sh, with `mixed`, `outages` and `slow`; sweep.sh, every point, every failing call and
# allocation, and the supervisor's.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/scratch.sh
. tests/support/scratch.sh
make -s all simulator >&2 && make -s VARIANT=release build/release/tests/chaos/killpoint preloads >&2 || exit 1
scratch_begin publisher-chaos
scratch_cluster

# play NAME: a file of it, with the time it took. Each plays several houses side by side.
play() {
	local began=$SECONDS options=${ASAN_OPTIONS:-} status=0
	# What is traced cannot be looked through for leaks.
	[[ $1 != sweep* ]] || options=$options:detect_leaks=0
	ASAN_OPTIONS=$options node --test-reporter=tap "tests/chaos/$1.test.mjs" || status=1
	echo "# $1: $((SECONDS - began)) s"
	return "$status"
}

# Killed by the clock, and killed by the count.
storms() {
	local name status=0
	for name in handback storm load; do
		play "$name" || status=1
	done
	return "$status"
}
sweeps() {
	local name status=0 names=(sweep sweep_calls)
	# With a sanitizer in it a program allocates, and starts, in another way than the one that is to fail here.
	[ "${VARIANT:-}" = asan ] || names+=(sweep_memory sweep_supervisor)
	tests/chaos/simulator/mirror.sh || status=1
	tests/chaos/simulator/mutants.sh --places || status=1
	for name in "${names[@]}"; do
		play "$name" || status=1
	done
	return "$status"
}

# Both mostly wait.
storms >"$scratch/storms.tap" 2>&1 &
storming=$!
status=0
sweeps || status=1
wait "$storming" || status=1
cat "$scratch/storms.tap"
exit "$status"

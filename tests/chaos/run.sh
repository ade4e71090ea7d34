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
status=0
scratch_begin publisher-chaos
scratch_cluster
tests/chaos/simulator/mirror.sh || status=1
tests/chaos/simulator/mutants.sh --places || status=1
# One file at a time: each plays several houses side by side.
names=(handback storm sweep sweep_calls)
# With a sanitizer in it a program allocates, and starts, in another way than the one that is to fail here.
[ "${VARIANT:-}" = asan ] || names+=(sweep_memory sweep_supervisor)
for name in "${names[@]}" load; do
	began=$SECONDS
	options=${ASAN_OPTIONS:-}
	# What is traced cannot be looked through for leaks.
	[[ $name != sweep* ]] || options=$options:detect_leaks=0
	ASAN_OPTIONS=$options node --test-reporter=tap "tests/chaos/$name.test.mjs" || status=1
	echo "# $name: $((SECONDS - began)) s"
done
exit "$status"

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
make -s all simulator >&2 && make -s VARIANT=release build/release/tests/chaos/killpoint build/release/tests/support/starve.so >&2 || exit 1
# One file at a time: each plays a dozen houses. What is measured alone is measured alone: memory under load.
status=0
tests/chaos/simulator/mirror.sh || status=1
beside=(handback storm sweep sweep_calls)
beside=("${beside[@]/#/tests/chaos/}")
node --test --test-reporter=tap --test-concurrency=1 "${beside[@]/%/.test.mjs}" || status=1
node --test --test-reporter=tap tests/chaos/load.test.mjs || status=1
exit "$status"

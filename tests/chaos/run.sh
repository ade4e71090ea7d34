#!/usr/bin/env bash
# A pool under load while its processes are killed and its connections cut, and processes killed at chosen points: TAP on standard output.
#
#   tests/chaos/run.sh              the bounded part, as in `make test`
#   CHAOS_SEED=N tests/chaos/run.sh the same kills again (each file prints its seed)
#   CHAOS_POSTS=N                   as many posts per storm [200]
# Every point and every failing call: sweep.sh (`make chaos` does both).
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s all >&2 && make -s VARIANT=release build/release/tests/chaos/killpoint build/release/tests/support/starve.so >&2 || exit 1
exec node --test --test-reporter=tap tests/chaos/*.test.mjs

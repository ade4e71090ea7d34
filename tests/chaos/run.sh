#!/usr/bin/env bash
# A pool under load while its processes are killed and its connections cut: TAP on standard output.
#
#   tests/chaos/run.sh              the bounded part, as in `make test`
#   CHAOS_SEED=N tests/chaos/run.sh the same kills again (each run prints its seed)
#   CHAOS_POSTS=N                   as many posts per storm [200]
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s all >&2 || exit 1
exec node --test --test-reporter=tap tests/chaos/*.test.mjs

#!/usr/bin/env bash
# The publisher side by side with a BullMQ worker in Node, on servers of this run's own. Exit status 0 only if every job was done
# exactly once.
#
#   tests/bench/run.sh short               a few minutes (make bench)
#   tests/bench/run.sh full [NAME...]      everything, an hour (make bench-full); or only queue, publish, pickup, footprint, network
#   tests/bench/run.sh test                that it works, and how often a post waits: TAP, as in `make test`
set -eu
cd "$(dirname "$0")/../.."
out=build/bench
# The same modules again only if the lock file has changed.
mkdir -p "$out"
if ! cmp -s tests/bench/package-lock.json "$out/installed.json"; then
	cp tests/bench/package.json tests/bench/package-lock.json "$out/"
	npm ci --prefix "$out" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	cp tests/bench/package-lock.json "$out/installed.json"
fi
make -s all >&2 && make -s VARIANT=release build/release/tests/chaos/killpoint build/release/tests/bench/distance >&2
[ "${1:-}" != test ] || exec node --test --test-concurrency=1 --test-reporter=tap tests/bench/*.test.mjs
exec node tests/bench/bench.mjs "$@"

#!/usr/bin/env bash
# The status page and Bull Board in headless Chromium, beside a running publisher. TAP on standard output; pictures of what was seen go
# to build/browser/.
#
#   tests/browser/run.sh [FILE...]      all of *.test.mjs, or only these; ONLY=<regex> picks scenarios by name
set -eu
cd "$(dirname "$0")/../.."
out=build/browser
# The same modules again only if the lock file has changed.
mkdir -p "$out"
if ! cmp -s tests/browser/package-lock.json "$out/installed.json"; then
	cp tests/browser/package.json tests/browser/package-lock.json "$out/"
	npm ci --prefix "$out" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	cp tests/browser/package-lock.json "$out/installed.json"
fi
make -s all >&2
export BROWSER_MODULES=$PWD/$out
[ $# -gt 0 ] || set -- tests/browser/*.test.mjs
exec node --test --test-concurrency=1 --test-reporter=tap "$@"

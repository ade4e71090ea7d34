#!/usr/bin/env bash
# Real BullMQ, of each generation that package-lock.json names, in build/interop/node_modules: for the tests here, and for those of
# tests/integration/publish that look at a queue through it. The same modules again only if the lock file has changed.
set -eu
cd "$(dirname "$0")/../.."
here=tests/interop
out=build/interop

mkdir -p "$out"
exec 9>"$out/install.lock"
flock 9
cmp -s "$here/package-lock.json" "$out/installed.json" && exit 0
cp "$here/package.json" "$here/package-lock.json" "$out/"
npm ci --prefix "$out" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
cp "$here/package-lock.json" "$out/installed.json"

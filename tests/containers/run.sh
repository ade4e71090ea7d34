#!/usr/bin/env bash
# Holds compose.yaml and the Kubernetes manifests of scripts/deploy against their schemas and against the program: `make containers`.
# TAP on standard output, exit status 0 only if all is well. The node modules lie in build/containers/, never here.
set -eu
cd "$(dirname "$0")/../.."
here=tests/containers
out=build/containers

make --no-print-directory -s all >&2
# The same modules again only if the lock file has changed.
mkdir -p "$out"
if ! cmp -s "$here/package-lock.json" "$out/installed.json"; then
	cp "$here/package.json" "$here/package-lock.json" "$out/"
	npm ci --prefix "$out" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
	cp "$here/package-lock.json" "$out/installed.json"
fi
CONTAINERS_MODULES=$PWD/$out exec node --test --test-reporter=tap "$here/containers.test.mjs"

#!/usr/bin/env bash
# The program from end to end, with PostgreSQL, Redis and the sandbox: what DeviantArt gets, what rows and jobs say, and what is left
# of it when anything fails, is killed or goes away. TAP on standard output.
#
#   tests/integration/test_publish.sh [FILE...]       files of tests/integration/publish, without their ending; none: all
#   ONLY='some words'                                 only the scenarios whose names match
#   PUBLISHER, SANDBOX                                other programs than those in build/
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s all >&2 || exit 1

files=()
for name in "${@:-*}"; do
	files+=(tests/integration/publish/$name.test.mjs) # the shell fills in the *
done
exec node --test --test-reporter=tap "${files[@]}"

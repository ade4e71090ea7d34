#!/usr/bin/env bash
# Every kill point and every failing call, or some of them: TAP on standard output, exit status 0 only if nothing is wrong.
#
#   tests/chaos/sweep.sh                        all, one file after another (half an hour)
#   tests/chaos/sweep.sh NAME                   every point of one sweep, as each file names them
#   tests/chaos/sweep.sh NAME POINT...          one point again, as a violation tells it:
#       sweep.sh single 117 before                the worker killed before its 117th call
#       sweep.sh single 117 later 300             300 instructions after it
#       sweep.sh calls:send 7 EPIPE               its 7th send fails
#       sweep.sh memory:single 117                its 117th allocation fails
#       sweep.sh supervisor:fork 1 EAGAIN         the supervisor's first fork fails
#   CHAOS_SEED=N                                the same numbers of instructions again
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s all >&2 && make -s VARIANT=release build/release/tests/chaos/killpoint preloads >&2 || exit 1

name=${1:-}
case $name in
'') files=(sweep sweep_calls sweep_memory sweep_supervisor) ;;
*:*) files=("sweep_${name%%:*}") ;;
*) files=(sweep) ;;
esac
export SWEEP=full
[ -z "$name" ] || export SWEEP_ONLY=${name#*:}
[ $# -lt 2 ] || export SWEEP_POINT="${*:2}"
files=("${files[@]/#/tests/chaos/}")
exec node --test --test-concurrency=1 --test-reporter=tap "${files[@]/%/.test.mjs}"

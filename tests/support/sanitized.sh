#!/usr/bin/env bash
# The suites that run whole programs, with programs that have AddressSanitizer (leaks too) and UndefinedBehaviorSanitizer in them.
# TAP on standard output: what each suite says, and whether any process reported anything.
#
#   tests/support/sanitized.sh [publish|supervisor|chaos|interop]...       none: all four
#
# Every process writes its report to a file of its own, so that none is lost in a log that a test reads, drops or closes.
set -u
cd "$(dirname "$0")/../.." || exit 1
export VARIANT=asan
make -s VARIANT=release all >&2 && make -s VARIANT=asan all >&2 || exit 1

scratch=$(mktemp -d "${TMPDIR:-/tmp}/publisher-sanitized.XXXXXX") || exit 1
chmod 711 "$scratch"
mkdir -m 777 "$scratch/reports"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Children take their handlers back to the default; the sanitizer's are to stay. A child dies by what it reports.
handlers=handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2
common=log_path=$scratch/reports/report:print_stacktrace=1
export ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0:$handlers:$common
export UBSAN_OPTIONS=$common

program=$PWD/build/asan/isekai-publisher
"${CC:-gcc}" -shared -fPIC -O1 -o "$scratch/leaks.so" tests/support/leaks.c || exit 1
printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$scratch/leaks.so" "$program" >"$scratch/isekai-publisher"
chmod 755 "$scratch/isekai-publisher"
export PUBLISHER=$scratch/isekai-publisher SANDBOX=$PWD/build/asan/deviantart-sandbox

number=0 failed=0
# result NAME STATUS: our own line, behind those of a suite.
result() {
	number=$((number + 1))
	[ "$2" -eq 0 ] && echo "ok $number - $1" && return
	echo "not ok $number - $1"
	failed=1
}

# reports: those that say something. One that is killed while its memory is looked through says only that its registers are not to be had.
reports() {
	find "$scratch/reports" -type f -exec grep -lvE '^(==[0-9]+==Unable to get registers from thread [0-9]+\.)?$' {} +
}

# wait_for COMMAND...: until it is true, at most 20 s.
wait_for() {
	local _
	for _ in $(seq 200); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

# What all the others rest on: a worker's report is found.
worker_of() { pgrep -P "$1" publisher-w >"$scratch/worker"; }
has_report() { [ -n "$(reports)" ]; }
report_is_seen() {
	local pid status=1
	env -i "PATH=$PATH" "ASAN_OPTIONS=$ASAN_OPTIONS" DATABASE_URL=postgresql://x@127.0.0.1:1/x REDIS_URL=redis://127.0.0.1:1 \
		DEVIANTART_CLIENT_ID=1 DEVIANTART_CLIENT_SECRET=x S3_ENDPOINT=http://127.0.0.1:1 S3_ACCESS_KEY_ID=k S3_SECRET_ACCESS_KEY=s \
		S3_BUCKET_NAME=bucket PUBLISHER_CONCURRENCY=1 HEALTH_CHECK_ENABLED=false "$PUBLISHER" >/dev/null 2>&1 &
	pid=$!
	wait_for worker_of $pid && kill -SEGV "$(cat "$scratch/worker")" && wait_for has_report && status=0
	kill -TERM $pid
	wait $pid
	rm -f "$scratch"/reports/*
	return $status
}

# run NAME COMMAND...: a suite, and whether it left reports.
run() {
	local name=$1 found
	shift
	"$@"
	result "$name: the suite is green" $?
	found=$(reports)
	# shellcheck disable=SC2086 # names without blanks
	[ -z "$found" ] || head -n 40 $found | sed 's/^/# /'
	[ -z "$found" ]
	result "$name: no sanitizer has anything to report" $?
	rm -f "$scratch"/reports/*
}

report_is_seen
result "a worker's report is seen" $?
[ $# -gt 0 ] || set -- publish supervisor chaos interop
for suite in "$@"; do
	case $suite in
	publish) run publish tests/integration/test_publish.sh ;;
	# It compares /proc/<pid>/exe with the program: no preloading script in front of it.
	supervisor) PUBLISHER=$program run supervisor tests/integration/test_supervisor.sh ;;
	chaos) run chaos tests/chaos/run.sh ;;
	interop) run interop tests/interop/run.sh ;;
	*)
		echo "usage: $0 [publish|supervisor|chaos|interop]..." >&2
		exit 64
		;;
	esac
done
exit $failed

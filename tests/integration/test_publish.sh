#!/usr/bin/env bash
# The program from end to end, with PostgreSQL, Redis and the sandbox: what DeviantArt gets, what rows and jobs say, and what is left
# of it when anything fails, is killed or goes away. TAP on standard output.
#
#   tests/integration/test_publish.sh [FILE...]       files of tests/integration/publish, without their ending; none: all
#   ONLY='some words'                                 only the scenarios whose names match
#   PUBLISHER, SANDBOX                                other programs than those in build/
#
# Scenarios mostly wait: two files play at a time. What measures how soon something is noticed plays alone, in the end.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s all >&2 && make -s VARIANT=release build/release/tests/support/starve.so >&2 || exit 1

scratch=$(mktemp -d "${TMPDIR:-/tmp}/test-publish.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

crowd=() alone=()
for name in "${@:-*}"; do
	for file in tests/integration/publish/$name.test.mjs; do # the shell fills in the *
		case $file in
		*/listener.* | */moments.* | */ready.* | */watchdog.*) alone+=("$file") ;;
		*) crowd+=("$file") ;;
		esac
	done
done

# play HOW_MANY FILE...: so many at a time; each tells its results at its end, whole.
play() {
	local many=$1
	shift
	[ $# -eq 0 ] && return
	# shellcheck disable=SC2016 # expanded by the inner shell
	printf '%s\n' "$@" | xargs -P "$many" -I '{}' sh -c '
		told=$1/$(basename "$2").tap
		node --test --test-reporter=tap "$2" >"$told" 2>&1
		status=$?
		flock "$1" cat "$told"
		exit $status' sh "$scratch" '{}'
}
play 2 "${crowd[@]}"
crowd_status=$?
play 1 "${alone[@]}" && exit $crowd_status
exit 1

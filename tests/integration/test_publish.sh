#!/usr/bin/env bash
# The program from end to end, with PostgreSQL, Redis and the sandbox: what DeviantArt gets, what rows and jobs say, and what is left
# of it when anything fails, is killed or goes away. TAP on standard output.
#
#   tests/integration/test_publish.sh [FILE...]       files of tests/integration/publish, without their ending; none: all
#   ONLY='some words'                                 only the scenarios whose names match
#   PUBLISHER, SANDBOX                                other programs than those in build/
#
# Scenarios mostly wait: two files play at a time. What measures how soon something is noticed plays alone, in the end; and so does, once
# more, what failed in the crowd: it may only have looked at a clock too late. What it said in the crowd is told, too ("# in the crowd").
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/scratch.sh
. tests/support/scratch.sh
make -s all >&2 && make -s VARIANT=release preloads >&2 || exit 1

scratch_begin test-publish
scratch_cluster

crowd=() alone=()
for name in "${@:-*}"; do
	for file in tests/integration/publish/$name.test.mjs; do # the shell fills in the *
		case $file in
		*/listener.* | */moments.* | */ready.* | */watchdog.*) alone+=("$file") ;;
		*) crowd+=("$file") ;;
		esac
	done
done

# tell TAP: a file's results, whole, without those of scenarios that play again.
tell() {
	awk '
		/^ok [0-9]+ .* # SKIP plays again alone$/ { again++; next }
		/^1\.\.[0-9]+$/ { print "1.." substr($0, 4) - again; next }
		{ print }' "$1"
}

# play HOW_MANY FILE...: so many at a time. What is to play again is in $scratch/NAME.again afterwards. Such a file ends badly, too, if only
# a probe of the scenario that was cut off still asked servers that were gone.
play() {
	local many=$1
	shift
	[ $# -eq 0 ] && return
	# shellcheck disable=SC2016 # expanded by the inner shell
	printf '%s\n' "$@" | xargs -P "$many" -I '{}' sh -c '
		name=$(basename "$2" .test.mjs)
		tap=$1/$name.tap
		PUBLISH_AGAIN="$1/$name.again" node --test-reporter=tap "$2" >"$tap" 2>&1 && exit
		status=$?
		[ -e "$1/$name.again" ] && grep -q "^1\.\." "$tap" && ! grep -q "^not ok" "$tap" && exit
		echo "# $name.test.mjs ended with exit status $status" >>"$tap"
		exit "$status"' sh "$scratch" '{}'
}

# encore FILE...: scenarios that failed, one at a time and nothing beside them, and now they are judged.
encore() {
	local file name
	for file; do
		name=$(basename "$file" .test.mjs)
		tell "$scratch/$name.tap"
		[ -e "$scratch/$name.again" ] || continue
		PUBLISH_ENCORE=$scratch/$name.again node --test-reporter=tap "$file" 2>&1 || {
			echo "# $name.test.mjs, played again, ended with exit status $?"
			encore_status=1
		}
	done
}

encore_status=0
play 2 "${crowd[@]}"
crowd_status=$?
play 1 "${alone[@]}"
alone_status=$?
encore "${crowd[@]}" "${alone[@]}"
exit $((crowd_status + alone_status + encore_status > 0))

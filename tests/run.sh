#!/usr/bin/env bash
# The driver of `make test`: builds, runs every suite, sums up.
#
#   tests/run.sh              everything
#   tests/run.sh PROGRAM...   only these (built already); `make unit` does so. SUITE_SECONDS: how long each may take
#
# A suite speaks TAP on standard output (cmocka is told to); its `ok`, `not ok` and `# SKIP` lines are
# counted. One that says nothing in TAP counts as one test, by its exit status; so do builds and lint. A suite
# that crashes, runs out of time or tells fewer results than it planned is a failure on top of its results.
# The last line is "N passed, N failed, N skipped"; the exit status is 0 only if all is well.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/support/scratch.sh
. tests/support/scratch.sh

passed=0 failed=0 skipped=0
problems=()
declare -A begun=()
scratch=$(mktemp -d "${TMPDIR:-/tmp}/publisher-test.XXXXXX") || exit 1
trap 'kill "${begun[@]}" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

export CMOCKA_MESSAGE_OUTPUT=TAP
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
# A make that called us must not lend its flags to ours.
unset MAKEFLAGS MFLAGS MAKELEVEL
jobs=$(nproc 2>/dev/null || echo 2)

# tell_results NAME LOG: a line a test, "suite, status, name", for the list of promises (check_contract.mjs).
tell_results() {
	awk -v suite="$1" -v OFS='\t' '
		/^ *(not )?ok [0-9]+ / {
			status = /^ *not/ ? "not ok" : "ok"
			gsub(/\t/, " ")
			sub(/^ *(not )?ok [0-9]+ (- )?/, "")
			# Node says "name # SKIP why", cmocka "# SKIP name".
			if (match($0, /# SKIP ?/)) {
				status = "skip"
				$0 = RSTART == 1 ? substr($0, RLENGTH + 1) : substr($0, 1, RSTART - 2)
			}
			print suite, status, $0
		}' "$2"
}

# judge NAME STATUS LOG SECONDS: counts what a finished suite said, and shows what failed. SECONDS is how long it was waited for.
judge() {
	local name=$1 status=$2 log=$3 seconds=$4 ok not_ok skip plan told why=''
	skip=$(grep -aciE '^(not )?ok\b.*# skip' "$log")
	ok=$(grep -aE '^ok\b' "$log" | grep -aviEc '# skip')
	not_ok=$(grep -aE '^not ok\b' "$log" | grep -aviEc '# skip')
	# Several plans, one a group of tests, add up.
	plan=$(grep -aoE '^1\.\.[0-9]+' "$log" | awk -F'[.][.]' '{ n += $2 } END { print n + 0 }')
	told=$((ok + not_ok + skip))

	if [ "$told" -eq 0 ] && [ "$plan" -eq 0 ] && [ "$status" -eq 0 ]; then
		ok=1
	elif [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		why='ran out of time or was killed'
	elif [ "$told" -lt "$plan" ]; then
		why="told $told of $plan results, exit status $status"
	elif [ "$status" -ne 0 ] && [ "$not_ok" -eq 0 ]; then
		why="exit status $status"
	fi
	if [ -n "$why" ]; then
		not_ok=$((not_ok + 1))
		problems+=("$name: $why")
	fi
	while IFS= read -r line; do
		problems+=("$name: ${line#not ok }")
	done < <(grep -aE '^not ok\b' "$log" | grep -aviE '# skip')

	tell_results "$name" "$log" >>"$scratch/results"
	passed=$((passed + ok)) failed=$((failed + not_ok)) skipped=$((skipped + skip))
	printf '%-48s %4d passed' "$name" "$ok"
	[ "$not_ok" -eq 0 ] || printf ', %d FAILED' "$not_ok"
	[ "$skip" -eq 0 ] || printf ', %d skipped' "$skip"
	[ "$seconds" -lt 10 ] || printf ', %d s' "$seconds"
	printf '\n'
	if [ "$not_ok" -ne 0 ]; then
		# What each failed test said, then how the suite ended.
		{
			awk '/^(ok|# Subtest)/ { show = 0 } /^not ok/ { show = 60 } show-- > 0' "$log" | grep -aviE '# skip' | head -n 300
			echo ...
			tail -n 40 "$log"
		} | cut -c1-2000 | sed 's/^/    /'
	fi
}

log_of() {
	printf '%s/%s.log' "$scratch" "$(printf '%s' "$1" | tr -c 'A-Za-z0-9.\n' _)"
}

# suite NAME SECONDS COMMAND...: runs one suite, at most so long. TERM first, so that it can clean up.
suite() {
	local name=$1 seconds=$2 began=$SECONDS
	shift 2
	timeout --kill-after=20 "$seconds" "$@" >"$(log_of "$name")" 2>&1 </dev/null
	judge "$name" $? "$(log_of "$name")" $((SECONDS - began))
}

# begin NAME SECONDS COMMAND...: the same, beside the suites that follow.
# begin_idle: in the moments when none of them wants to run: they mostly wait, this one computes.
# finish NAME: waits for it.
begin() {
	local name=$1 seconds=$2
	shift 2
	timeout --kill-after=20 "$seconds" "$@" >"$(log_of "$name")" 2>&1 </dev/null &
	begun[$name]=$!
}

begin_idle() {
	begin "$1" "$2" chrt --idle 0 "${@:3}"
}

# begin_after OTHER NAME SECONDS COMMAND...: the same, once OTHER, which was begun before, has ended.
begin_after() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	begin_idle "$2" "$3" bash -c 'tail --pid="$0" -f /dev/null; exec "$@"' "${begun[$1]}" "${@:4}"
}

finish() {
	local began=$SECONDS
	wait "${begun[$1]}"
	judge "$1" $? "$(log_of "$1")" $((SECONDS - began))
	unset "begun[$1]"
}

unit() {
	local program
	for program in "$@"; do
		suite "${program#build/}" "${SUITE_SECONDS:-120}" "$program"
	done
}

summary() {
	local problem
	if [ ${#problems[@]} -gt 0 ]; then
		printf '\nWhat failed:\n'
		for problem in "${problems[@]}"; do
			printf '  %s\n' "$problem"
		done
	fi
	printf '\n%d min %d s\n%d passed, %d failed, %d skipped\n' $((SECONDS / 60)) $((SECONDS % 60)) "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# Warnings are errors, for everybody who builds from here on: with other flags all would be built again.
export WERROR=1
build=(make --no-print-directory -j"$jobs")

# programs VARIANT FOLDER: what its test_*.c were built to.
programs() {
	local source
	for source in "tests/$2"/test_*.c; do
		[ -e "$source" ] && printf 'build/%s/%s\n' "$1" "${source%.c}"
	done
}

# What computes, one after another of the clang build. Processes that are killed in a simulated world never free what they had.
compute() {
	local seeds=tests/chaos/simulator/seeds.txt
	begin_after 'build clang' tests/chaos/simulator 1800 build/simulator --seeds $seeds --histories 2000
	begin_after tests/chaos/simulator 'tests/chaos/simulator, sanitized' 2400 env ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 \
		build/fuzz/simulator --seeds $seeds --histories 100
	begin_after 'tests/chaos/simulator, sanitized' tests/fuzz 3000 tests/fuzz/run.sh
}

# test_pool waits for pauses to pass, 20 s in all: beside the others.
all_units() {
	local program
	for program; do
		[[ $program != */test_pool ]] || begin "${program#build/}" 120 "$program"
	done
	for program; do
		[[ $program == */test_pool ]] || unit "$program"
	done
	for program; do
		[[ $program != */test_pool ]] || finish "${program#build/}"
	done
}

# First what the rest needs; then what mostly waits, and beside it, in its pauses, what only computes.
everything() {
	local script before=$failed unit_sanitized unit_release integration
	mapfile -t unit_sanitized < <(programs fuzz unit)
	mapfile -t unit_release < <(programs release unit)
	mapfile -t integration < <(programs release integration)

	suite 'build gcc' 900 "${build[@]}" CC=gcc all tests simulator
	[ "$failed" -eq "$before" ] || return
	# One build by clang, and it is the one with sanitizers: the fuzzers' own. Its warnings are the same.
	begin_idle 'build clang' 1800 "${build[@]}" CC=clang VARIANT=fuzz all fuzzers simulator "${unit_sanitized[@]}"
	begin_idle lint 1800 scripts/lint.sh
	compute

	all_units "${unit_release[@]}"
	for script in tests/integration/test_manuals.sh "${integration[@]}" tests/integration/test_publish.sh; do
		suite "${script#build/release/}" 1200 "$script"
	done

	finish 'build clang'
	all_units "${unit_sanitized[@]}"

	begin tests/integration/test_supervisor.sh 1200 tests/integration/test_supervisor.sh
	suite tests/integration/test_healthcheck.sh 1200 tests/integration/test_healthcheck.sh
	suite tests/integration/test_units.sh 300 tests/integration/test_units.sh
	suite tests/interop 900 tests/interop/run.sh
	finish tests/integration/test_supervisor.sh
	begin tests/bench 600 tests/bench/run.sh test
	suite tests/chaos 1200 tests/chaos/run.sh
	finish tests/bench
	for script in tests/chaos/simulator 'tests/chaos/simulator, sanitized' tests/fuzz lint; do
		finish "$script"
	done
	suite tests/observe 120 node --test --test-reporter=tap tests/observe/alerts.test.mjs
	suite contract 60 node tests/check_contract.mjs "$scratch/results"
}

if [ $# -gt 0 ]; then
	unit "$@"
else
	everything
fi
summary

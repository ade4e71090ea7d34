#!/usr/bin/env bash
# Each fuzzer over its corpus and a fixed number of inputs from a fixed seed: the same every time. TAP on standard output.
#
#   tests/fuzz/run.sh [NAME...]      all, or fuzz_NAME only; 15 s on 2 cores
#   SEED=N RUNS=N                    other inputs, or another number of them
#
# What a fuzzer finds is kept in build/fuzz/found, and the command that shows it again is printed.
set -u
cd "$(dirname "$0")/../.." || exit 1
make -s fuzz >&2 || exit 1
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

# How many inputs take a second or two of a core.
declare -A runs=(
	[answers]=7500 [claim]=40000 [classify]=40000 [config]=750 [health_request]=40000 [lock]=20000 [log]=5000
	[queue_json]=75000 [replies]=7500 [row]=25000 [sandbox_form]=30000 [sandbox_multipart]=25000 [sandbox_request]=7500
	[seal]=7500 [texts]=5000 [url]=7500
)

scratch=$(mktemp -d "${TMPDIR:-/tmp}/publisher-fuzz.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p build/fuzz/found

# fuzz NAME: its output and exit status in $scratch.
fuzz() {
	local corpus=tests/fuzz/corpus/$1
	mkdir -p "$scratch/$1.new"
	# What it finds interesting goes into the first folder, which nobody keeps.
	"build/fuzz/tests/fuzz/fuzz_$1" "$scratch/$1.new" "$corpus" -seed="${SEED:-1}" -runs="${RUNS:-${runs[$1]:-5000}}" \
		-timeout=60 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/found/$1-" -print_final_stats=1 \
		>"$scratch/$1.out" 2>&1 </dev/null
	echo $? >"$scratch/$1.status"
}

names=("$@")
if [ $# -eq 0 ]; then
	for source in tests/fuzz/fuzz_*.c; do
		name=${source##*/fuzz_}
		names+=("${name%.c}")
	done
fi

# Two at a time.
for name in "${names[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
		wait -n
	done
	fuzz "$name" &
done
wait

echo "1..${#names[@]}"
number=0 failed=0
for name in "${names[@]}"; do
	number=$((number + 1))
	if [ -s "$scratch/$name.status" ] && [ "$(cat "$scratch/$name.status")" -eq 0 ] && [ -d "tests/fuzz/corpus/$name" ]; then
		executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/$name.out")
		echo "# $executed inputs"
		echo "ok $number - $name"
		continue
	fi
	failed=1
	echo "not ok $number - $name"
	grep -aE 'does not hold|ERROR: |runtime error|SUMMARY|Test unit written' "$scratch/$name.out" | head -n 10 | sed 's/^/# /'
	tail -n 15 "$scratch/$name.out" | sed 's/^/# /'
	echo "# again: build/fuzz/tests/fuzz/fuzz_$name build/fuzz/found/$name-..."
done
exit $failed

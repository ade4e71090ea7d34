#!/usr/bin/env bash
# The static checks, as TAP: clang-format, includes and banned calls, cppcheck, clang-tidy.
#
#   scripts/lint.sh                 as in `make test`
#   LINT_DEEP=1 scripts/lint.sh     the analyzer goes as far through each function as it can: three times the time
#
# The versions named below are binding. Others know other rules and other mistakes: where one of them finds
# something it is shown, and the result is a skip, not a failure.
# clang-tidy's verdict on a file is kept (build/lint) by the hash of all that went into it.
# shellcheck disable=SC2317,SC2016,SC2086 # tidy() is called by xargs; folders, headers and flags are words
set -u
cd "$(dirname "$0")/.." || exit 1

format_version=14 tidy_version=14 cppcheck_version=2.10

folders='common worker health supervisor tests'
jobs=$(nproc 2>/dev/null || echo 2)
failed=0 number=0
mkdir -p build/lint
scratch=$(mktemp -d build/lint/run.XXXXXX) || exit 1
trap 'rm -rf "$scratch"' EXIT

sources() {
	find $folders -name node_modules -prune -o -name "$1" -type f -print | sort
}

version() {
	"$1" --version 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1
}

# report NAME STATUS TOOL BINDING: one TAP line, and what was found (in $scratch/out).
report() {
	local name=$1 status=$2 tool=$3 binding=$4 found
	number=$((number + 1))
	if [ "$status" -eq 0 ]; then
		echo "ok $number - $name"
		return
	fi
	found=$([ -z "$tool" ] || version "$tool")
	if [ -n "$tool" ] && [ -z "$found" ]; then
		echo "ok $number - $name # SKIP $tool is not installed"
	elif [ -n "$tool" ] && [[ $found. != "$binding".* ]]; then
		sed 's/^/# /' "$scratch/out"
		echo "ok $number - $name # SKIP $tool $found is not $binding: its findings do not bind"
	else
		sed 's/^/# /' "$scratch/out"
		echo "not ok $number - $name"
		failed=1
	fi
}

echo 1..4

sources '*.[ch]' | xargs -r clang-format --dry-run -Werror >"$scratch/out" 2>&1
report clang-format $? clang-format $format_version

make -s generated >"$scratch/out" 2>&1 && scripts/check-includes.sh >"$scratch/out" 2>&1
report check-includes $? '' ''

# cppcheck does not read the libraries' headers: a macro that looks like a statement it must be told, and of
# the tests, which live by cmocka's, it reads only the sandbox and the tools of chaos.
echo '#define cJSON_ArrayForEach(e, array) for ((e) = (array) != 0 ? (array)->child : 0; (e) != 0; (e) = (e)->next)' >"$scratch/macros.h"
sources '*.c' | grep -vE '^tests/(unit|integration|interop|bench|fuzz)/' | cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	--error-exitcode=1 --suppress=missingIncludeSystem --suppress='*:/usr/include/*' -j "$jobs" \
	--include="$scratch/macros.h" \
	-D_GNU_SOURCE -DPUBLISHER_VERSION='""' -D__linux__ -D__x86_64__ -I. -Ibuild/gen --file-list=- >"$scratch/out" 2>&1
report cppcheck $? cppcheck $cppcheck_version

# unjudged: "KEY FILE" of each file without a verdict. The key is of the settings, the file, and its headers as the last build found them; all
# there are where it was never built.
unjudged() {
	local hash file header headers kept=$scratch/keys
	declare -A hashes
	mkdir -p "$kept" build/gen
	while read -r hash file; do
		hashes[$file]=$hash
	done < <({ sources '*.[ch]'; find build/gen -name '*.h'; } | xargs sha256sum)
	while read -r file; do
		headers=${!hashes[*]}
		[ ! -e "build/release/${file%.c}.d" ] || headers=$(<"build/release/${file%.c}.d")
		{
			printf '%s\n' "$tidy_settings" "${hashes[$file]}"
			for header in $headers; do
				[[ $header != *.h ]] || printf '%s\n' "$header ${hashes[$header]:-}"
			done
		} >"$kept/${file//\//%}"
	done < <(sources '*.c')
	(cd "$kept" && sha256sum -- *) | while read -r hash file; do
		[ -e "build/lint/ok.$hash" ] || printf '%s\n' "$hash ${file//%/\/}"
	done
}

# judge FILE...: Clang's own warnings count here, for the tests are not built by clang.
# Most of the time would go into the last paths through large functions, and through the tests: how far the analyzer goes has an end.
judge() {
	local depth=$TIDY_DEPTH
	[[ $1 != tests/* || -z $depth ]] || depth='-Xclang -analyzer-config -Xclang mode=shallow'
	eval "clang-tidy --quiet ${*@Q} -- ${TIDY_COMPILE#* } $depth" 2>/dev/null
}

# tidy KEY FILE KEY FILE...: quiet if all is well. Half of what a file takes is to load the tool, so several share it. Where something is
# found, each is judged alone: with several, clang-tidy 14 takes every va_list for uninitialized. (Called by xargs.)
tidy() {
	local keys=() files=() status=0 i
	while [ $# -gt 0 ]; do
		keys+=("build/lint/ok.$1") files+=("$2")
		shift 2
	done
	if [ ${#files[@]} -gt 1 ] && judge "${files[@]}" >/dev/null; then
		touch "${keys[@]}"
		return
	fi
	for i in "${!files[@]}"; do
		if judge "${files[i]}"; then touch "${keys[i]}"; else status=1; fi
	done
	return $status
}
export -f judge tidy
TIDY_COMPILE=$(make -s CC=clang print-compile)
TIDY_DEPTH='-Xclang -analyzer-config -Xclang max-nodes=20000'
[ -z "${LINT_DEEP:-}" ] || TIDY_DEPTH=
tidy_settings=$(clang-tidy --version; cat .clang-tidy tests/.clang-tidy scripts/lint.sh; echo "$TIDY_COMPILE" "$TIDY_DEPTH")
export TIDY_COMPILE TIDY_DEPTH
find build/lint -name 'ok.*' -mtime +30 -delete

# in_groups SIZE: of those on standard input.
in_groups() {
	xargs -r -n $((2 * $1)) -P "$jobs" bash -c 'tidy "$@"' tidy >>"$scratch/out" 2>&1
}
tidy_status=0
: >"$scratch/out"
unjudged >"$scratch/unjudged"
[ "$(find "$scratch/keys" -type f | wc -l)" -eq "$(sources '*.c' | wc -l)" ] || {
	echo 'not every file was looked at' >>"$scratch/out"
	tidy_status=1
}
variadic=$(sources '*.c' | xargs grep -lw va_list)
grep ' tests/' "$scratch/unjudged" | grep -vFwf <(echo "$variadic") | in_groups 8 || tidy_status=1
grep -v ' tests/' "$scratch/unjudged" | grep -vFwf <(echo "$variadic") | in_groups 8 || tidy_status=1
grep -Fwf <(echo "$variadic") "$scratch/unjudged" | in_groups 1 || tidy_status=1
report clang-tidy $tidy_status clang-tidy $tidy_version

exit $failed

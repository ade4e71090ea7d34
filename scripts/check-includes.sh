#!/usr/bin/env bash
# What the compiler does not know about our own files:
#   - arrows between folders: supervisor -> health -> common, supervisor -> worker -> common; within the worker
#     dispatcher, verify, hands, explain -> worker -> deviantart -> http
#   - libraries stay inside .c files and their _internal.h; a public header forward-declares
#   - a file's own header comes first; every header compiles alone
#   - calls that are banned
# Quiet, and exit status 0, if all is well.
set -u
cd "$(dirname "$0")/.." || exit 1

status=0
complain() {
	printf '%s\n' "$1"
	status=1
}

# refuse MESSAGE PATTERN FILE...: every line that matches is a complaint.
refuse() {
	local message=$1 pattern=$2 hit
	shift 2
	[ $# -gt 0 ] || return 0
	while IFS= read -r hit; do
		complain "$hit: $message"
	done < <(grep -nHE "$pattern" "$@")
}

files() {
	local folder name=$1
	shift
	for folder in "$@"; do
		[ -d "$folder" ] && find "$folder" -name node_modules -prune -o -name "$name" -type f -print
	done | sort
}

mapfile -t common < <(files '*.[ch]' common)
mapfile -t worker < <(files '*.[ch]' worker)
mapfile -t health < <(files '*.[ch]' health)
mapfile -t supervisor < <(files '*.[ch]' supervisor)
mapfile -t headers < <(files '*.h' common worker health supervisor)
mapfile -t public_headers < <(printf '%s\n' "${headers[@]}" | grep -v '_internal\.h$')
mapfile -t all_headers < <(files '*.h' common worker health supervisor tests)
mapfile -t sources < <(files '*.c' common worker health supervisor)
mapfile -t all < <(files '*.[ch]' common worker health supervisor tests)

include='^[[:space:]]*#[[:space:]]*include[[:space:]]*"'
refuse 'common knows none of the others' "$include(supervisor|worker|health|tests)/" "${common[@]}"
refuse 'the worker knows common only' "$include(supervisor|health|tests)/" "${worker[@]}"
refuse 'a worker does not know the dispatcher' "$include"'worker/dispatcher/' \
	$(files '*.[ch]' worker | grep -v '^worker/dispatcher/')
refuse 'nobody knows the audit, and it knows no dispatcher' "$include"'worker/verify/' \
	$(files '*.[ch]' worker | grep -v '^worker/verify/')
refuse 'nobody knows the audit, and it knows no dispatcher' "$include"'worker/dispatcher/' $(files '*.[ch]' worker/verify)
refuse 'nobody knows the explanation, and it knows no dispatcher and no audit' "$include"'worker/explain/' \
	$(files '*.[ch]' worker | grep -Ev '^worker/(explain|hands)/')
refuse 'nobody knows the explanation, and it knows no dispatcher and no audit' "$include"'worker/(dispatcher|verify)/' \
	$(files '*.[ch]' worker/explain)
refuse 'nobody knows what is done by hand, and it knows no dispatcher and no audit' "$include"'worker/hands/' \
	$(files '*.[ch]' worker | grep -v '^worker/hands/')
refuse 'nobody knows what is done by hand, and it knows no dispatcher and no audit' "$include"'worker/(dispatcher|verify)/' \
	$(files '*.[ch]' worker/hands)
refuse 'the API knows HTTP and common only' "$include"'worker/([^/]*"|dispatcher/)' \
	$(files '*.[ch]' worker/deviantart)
refuse 'HTTP knows common only' "$include"'worker/([^/]*"|dispatcher/|deviantart/)' $(files '*.[ch]' worker/http)
refuse 'health knows common only' "$include(supervisor|worker|tests)/" "${health[@]}"
refuse 'the program knows no test' "$include(tests)/" "${supervisor[@]}"
refuse 'includes start at the root' "$include"'[^/"]*"|'"$include"'\.\.?/' "${all[@]}"
refuse "a library's header belongs into a .c file (or a _internal.h)" \
	'^[[:space:]]*#[[:space:]]*include[[:space:]]*<(hiredis|libpq|curl|cjson|event|openssl|ini\.h|.*cJSON)' \
	"${public_headers[@]}"

while IFS= read -r hit; do
	complain "$hit"
done < <(awk '
	FNR == 1 { found = 0; base = FILENAME; sub(/\.c$/, "", base) }
	!found && /^[ \t]*#[ \t]*include/ {
		found = 1
		own = base ".h"
		if (own in is_header && $0 != "#include \"" own "\"" && $0 != "#include \"" base "_internal.h\"")
			print FILENAME ": its own header must be its first include"
	}
	BEGIN {
		while ((getline line < "/dev/stdin") > 0)
			is_header[line] = 1
	}' "${sources[@]}" < <(printf '%s\n' "${headers[@]}"))

while IFS= read -r hit; do
	complain "$hit"
done < <(awk '
	FNR == 1 {
		guard = toupper(FILENAME)
		gsub(/[^A-Z0-9_]/, "_", guard)
		sub(/^TESTS_/, "", guard)
		wanted[FILENAME] = guard
	}
	/^#ifndef / { name = $2; sub(/^TESTS_/, "", name); if (name == wanted[FILENAME]) delete wanted[FILENAME] }
	END { for (file in wanted) print file ": its guard must be " wanted[file] }' "${all_headers[@]}")

compile=$(make -s print-compile)
# The build sees to those that a file includes before all else. One run of the compiler reads the others one after the other, each for itself.
mapfile -t alone < <(files '*.c' common worker health supervisor tests | xargs grep -m 1 -h '^#include' | sed -n 's/.*"\(.*\)".*/\1/p' | sort -u |
	comm -13 - <(printf '%s\n' "${all_headers[@]}" | sort))
out=$(printf '%q ' "${alone[@]}" | xargs -n 40 -P "$(nproc)" sh -c "$compile -Werror -fsyntax-only -x c \"\$@\"" compile 2>&1) ||
	complain "a header does not compile alone:
$out"

# Comments may speak of them: where there is one, the preprocessor takes comments away.
banned='(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|system|popen|alloca|rand|srand)'
banned_program="(${banned}|sleep|usleep|longjmp|setjmp)"
calls() { printf '(^|[^A-Za-z0-9_>."])%s[[:space:]]*\\(' "$1"; }
while IFS= read -r file; do
	names=$banned
	[[ $file == tests/* ]] || names=$banned_program
	while IFS= read -r hit; do
		complain "$file: calls a banned function: $hit"
	done < <(gcc -fpreprocessed -dD -E -P "$file" 2>/dev/null | grep -E "$(calls "$names")")
done < <(grep -lE "$(calls "$banned_program")" "${all[@]}")

exit $status

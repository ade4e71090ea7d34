#!/usr/bin/env bash
# Help, manual pages, completion and what is installed, as their reader has them. What commands there are is read from --help;
# that this has them all is test_manual.c's. TAP on standard output.
#
#   tests/integration/test_manuals.sh [TEST...]
# shellcheck disable=SC1091,SC2015,SC2034,SC2086,SC2317 # it is made; words are meant; functions are called by name; "a && b || c" without an else is meant
set -u
cd "$(dirname "$0")/../.." || exit 1
program=build/isekai-publisher
work=$(mktemp -d "${TMPDIR:-/tmp}/publisher-manuals.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT

# ---------------------------------------------------------------- helpers

# section NAME [COMMAND]: the terms that --help, or the command's, lists under a heading.
section() { "$program" "${@:2}" --help | sed -n "/^$1\$/,/^\$/p" | sed -n 's/^  \([^ ].*\)$/\1/p'; }

declare -A options=() # of each command, as its help has them
for command in $(section Commands | grep -oE '^[a-z]+'); do
	options[$command]=$(section Options "$command" | grep -oE '^(-[a-zA-Z], )?--[a-z]+' | tr -d ,)
done
commands=${!options[*]}

. build/completion/isekai-publisher || exit 1
compopt() { :; } # is for the line that is edited; there is none

# complete_line WORD...: what bash offers for the last of the words.
complete_line() {
	COMP_WORDS=(isekai-publisher "$@") COMP_CWORD=$#
	_isekai_publisher isekai-publisher "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}
# offers WORDS WORD...: are those all that is offered, in any order?
offers() {
	local expected offered
	expected=$(printf '%s\n' $1 | sort)
	offered=$(complete_line "${@:2}" | sort)
	[ "$offered" = "$expected" ] || {
		echo "# for \"${*:2}\" it offers: ${offered//$'\n'/ }; expected: ${expected//$'\n'/ }"
		return 1
	}
}

# ---------------------------------------------------------------- help

the_help_of_every_command_exits_0() {
	local command count=0
	for command in $commands; do
		"$program" "$command" --help >"$work/help" 2>"$work/errors" && [ ! -s "$work/errors" ] &&
			grep -q "^Usage: isekai-publisher $command" "$work/help" &&
			! awk 'length > 79 { found = 1 } END { exit !found }' "$work/help" ||
			{ echo "# $command --help"; return 1; }
		count=$((count + 1))
	done
	[ $count -ge 4 ]
}

an_unknown_command_exits_64_and_the_nearest_is_told() {
	"$program" expalin 1 >"$work/out" 2>"$work/errors"
	[ $? -eq 64 ] && [ ! -s "$work/out" ] && grep -q 'did you mean explain?' "$work/errors"
}

version_and_help_are_the_same_in_both_spellings() {
	local name
	for name in isekai-publisher isekai-healthcheck; do
		diff <("build/$name" -h) <("build/$name" --help) && diff <("build/$name" -V) <("build/$name" --version) &&
			[ "$("build/$name" -V)" = "$name $(sed -n 's/^VERSION.*:= //p' Makefile)" ] || return 1
	done
}

# ---------------------------------------------------------------- completion

completion_offers_every_command() {
	offers "$commands -c --config -t --test -V --version -h --help" '' &&
		offers "$commands -c --config -t --test -V --version -h --help" -c publisher.ini '' &&
		offers enqueue en && offers '--test' --te
}

completion_offers_the_options_of_each_command() {
	local command option
	for command in $commands; do
		offers "${options[$command]}" "$command" - &&
			offers "${options[$command]}" -c publisher.ini "$command" - || return 1
		for option in $(printf '%s\n' "${options[@]}" | tr ' ' '\n' | sort -u | grep '^--'); do
			if [[ " ${options[$command]//$'\n'/ } " == *" $option "* ]]; then
				offers "$option" "$command" "$option" || return 1
			else
				offers '' "$command" "$option" || return 1
			fi
		done
	done
	offers '-c --config' -t -
}

completion_offers_files_behind_c_and_nothing_for_ids() {
	mkdir -p "$work/files" && touch "$work/files/one two.ini" || return 1
	[ "$(complete_line -c "$work/files/")" = "$work/files/one two.ini" ] &&
		[ "$(complete_line explain 1 --config "$work/files/on")" = "$work/files/one two.ini" ] &&
		[ "$(complete_line --config = "$work/files/on")" = "$work/files/one two.ini" ] &&
		offers '' verify --ledger '' && offers '' explain deviation- && offers '' explain -- ''
}

# ---------------------------------------------------------------- manual pages

manual_pages_are_clean() {
	command -v mandoc >/dev/null && command -v groff >/dev/null || { echo '# SKIP mandoc or groff is not installed'; return 77; }
	local page
	for page in build/man/*; do
		# Whether others' pages are installed here is not the question; about ours, the next test asks.
		mandoc -T lint "$page" 2>&1 | grep -vE 'referenced manual not found|outdated mandoc.db' >"$work/complaints"
		groff -ww -mdoc -Tutf8 -z "$page" >>"$work/complaints" 2>&1
		[ ! -s "$work/complaints" ] || { sed 's/^/# /' "$work/complaints"; return 1; }
	done
}

manual_pages_name_only_each_other() {
	local name
	while read -r name; do
		[ -e "build/man/$name" ] || { echo "# there is no $name"; return 1; }
	done < <(grep -h '^\.Xr isekai' build/man/* | awk '{ print $2 "." $3 }' | sort -u)
	[ "$(ls build/man)" = "$(ls scripts/manuals)" ] && ! grep -rn '^@' build/man build/completion
}

the_manual_has_every_endpoint() {
	local path count=0
	while read -r path; do
		grep -qx "\.It Pa $path" build/man/isekai-publisher.8 || { echo "# ENDPOINTS in scripts/manuals/isekai-publisher.8 lacks $path"; return 1; }
		count=$((count + 1))
	done < <(grep -o 'strcmp(path, "[^"]*")' health/answer.c | cut -d'"' -f2)
	[ $count -ge 4 ]
}

# ---------------------------------------------------------------- installing

# Of what was built, however it was: nothing is made anew.
make_of_built() { make -s -o build/isekai-publisher -o build/isekai-healthcheck -o build/release/manual "$@"; }

what_is_installed_is_uninstalled() {
	make_of_built install DESTDIR="$work/root" PREFIX=/usr >/dev/null || return 1
	(cd "$work/root" && find . -type f | sort) >"$work/found"
	diff - "$work/found" <<-'END' || return 1
		./usr/bin/isekai-healthcheck
		./usr/bin/isekai-publisher
		./usr/lib/systemd/system/isekai-publisher.service
		./usr/lib/sysusers.d/isekai-publisher.conf
		./usr/lib/tmpfiles.d/isekai-publisher.conf
		./usr/share/bash-completion/completions/isekai-publisher
		./usr/share/doc/isekai-publisher/README.md
		./usr/share/doc/isekai-publisher/config.example.ini
		./usr/share/doc/isekai-publisher/credentials.conf
		./usr/share/doc/isekai-publisher/env.example
		./usr/share/man/man5/isekai-publisher.ini.5
		./usr/share/man/man8/isekai-healthcheck.8
		./usr/share/man/man8/isekai-publisher.8
	END
	"$work/root/usr/bin/isekai-publisher" -V | grep -q '^isekai-publisher ' &&
		make_of_built uninstall DESTDIR="$work/root" PREFIX=/usr >/dev/null &&
		[ -z "$(find "$work/root" -type f -o -name 'isekai*')" ]
}

# ---------------------------------------------------------------- running them

tests=(
	the_help_of_every_command_exits_0 an_unknown_command_exits_64_and_the_nearest_is_told
	version_and_help_are_the_same_in_both_spellings
	completion_offers_every_command completion_offers_the_options_of_each_command
	completion_offers_files_behind_c_and_nothing_for_ids
	manual_pages_are_clean manual_pages_name_only_each_other the_manual_has_every_endpoint
	what_is_installed_is_uninstalled
)
[ $# -eq 0 ] || tests=("$@")

echo "1..${#tests[@]}"
number=0 failed=0
for test in "${tests[@]}"; do
	number=$((number + 1))
	"$test" >"$work/said" 2>&1
	case $? in
	0) echo "ok $number - $test" ;;
	77) echo "ok $number - $test $(cat "$work/said")" ;;
	*)
		echo "not ok $number - $test"
		sed 's/^#* */# /' "$work/said"
		failed=1
		;;
	esac
done
exit $failed

#!/usr/bin/env bash
# The files for systemd, as `make install` puts them, judged by systemd's own tools. TAP on standard output.
#
# No systemd has to run; where its tools are not installed, all of it is skipped and says so.
set -u
cd "$(dirname "$0")/../.." || exit 1

exposure_most=15 # tenths: systemd-analyze security says 1.5

tests=(the_unit_is_right_and_what_is_put_beside_it_too secrets_may_be_credentials systemd_sees_little_exposure
	a_service_that_keeps_systemds_patience_is_described the_user_and_the_folder_of_its_settings_are_made
	uninstall_takes_all_of_it_away)
echo "1..${#tests[@]}"
if ! command -v systemd-analyze >/dev/null || ! command -v systemd-sysusers >/dev/null || ! command -v systemd-tmpfiles >/dev/null; then
	for number in $(seq ${#tests[@]}); do
		echo "ok $number - ${tests[number - 1]} # SKIP systemd-analyze, systemd-sysusers or systemd-tmpfiles is not installed"
	done
	exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/publisher-units.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM INT
prefix=$work/usr
units=$prefix/lib/systemd/system
unit=$units/isekai-publisher.service
unset MAKEFLAGS MFLAGS MAKELEVEL
# install_to PREFIX [ARGUMENT...]: what is built, as it is built.
install_to() { make -s -o build/isekai-publisher -o build/isekai-healthcheck -o build/release/manual install PREFIX="$@"; }
installed=$(install_to "$prefix" 2>&1) || { echo "Bail out! make install: $installed"; exit 1; }

# verify [LINE...]: with a drop-in of these lines; systemd has to have nothing to say at all.
verify() {
	local said
	mkdir -p "$units/isekai-publisher.service.d" && printf '%s\n' "$@" >"$units/isekai-publisher.service.d/test.conf" || return
	said=$(SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no --recursive-errors=one "$unit" 2>&1) && [ -z "$said" ]
	local status=$?
	rm "$units/isekai-publisher.service.d/test.conf"
	[ -z "$said" ] || printf '%s\n' "$said"
	return $status
}

# setting NAME: what the unit says, drop-ins of the installation included.
setting() {
	cat "$unit" "$units"/isekai-publisher.service.d/*.conf 2>/dev/null | sed -n "s/^$1=//p" | tail -n 1
}

the_unit_is_right_and_what_is_put_beside_it_too() {
	verify || return
	# It is judged at all: what systemd does not know, it says.
	! verify '[Service]' 'ProtectEverything=yes' || { echo 'nonsense passes'; return 1; }
}

secrets_may_be_credentials() {
	local lines
	mapfile -t lines <"$prefix/share/doc/isekai-publisher/credentials.conf"
	verify "${lines[@]}" || return
	# Each setting that it gives is one the program has, and each credential is used.
	local name
	for name in $(printf '%s\n' "${lines[@]}" | sed -n 's/^Environment=\(.*\)_FILE=.*/\1/p'); do
		grep -qE "^#?$name=" .env.example || { echo "$name is no setting"; return 1; }
	done
	diff <(printf '%s\n' "${lines[@]}" | sed -n 's/^LoadCredential=\([^:]*\):.*/\1/p' | sort) \
		<(printf '%s\n' "${lines[@]}" | sed -n 's/^Environment=.*=%d\///p' | sort)
}

systemd_sees_little_exposure() {
	systemd-analyze security --no-pager --offline=true --threshold=$exposure_most "$unit"
}

a_service_that_keeps_systemds_patience_is_described() {
	local version
	version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
	if [ "$version" -ge 253 ]; then
		[ "$(setting Type)" = notify-reload ] && [ -z "$(setting ExecReload)" ]
	else
		[ "$(setting Type)" = notify ] && [[ $(setting ExecReload) == *'kill -HUP ${MAINPID}'* ]]
	fi || { cat "$unit"; return 1; }
	# The other kind is there for the other systemd, whatever this machine has.
	rm -rf "$work/newer" && install_to "$work/newer" systemd=257 >/dev/null &&
		cmp scripts/deploy/notify-reload.conf "$work/newer/lib/systemd/system/isekai-publisher.service.d/notify-reload.conf" &&
		rm -rf "$work/older" && install_to "$work/older" systemd=252 >/dev/null &&
		[ ! -e "$work/older/lib/systemd/system/isekai-publisher.service.d" ]
}

# In a tree of its own, so that this machine gets no user.
the_user_and_the_folder_of_its_settings_are_made() {
	local root=$work/root entry
	mkdir -p "$root/etc" && systemd-sysusers --root="$root" "$prefix/lib/sysusers.d/isekai-publisher.conf" || return
	entry=$(grep '^isekai-publisher:' "$root/etc/passwd") || return
	[[ $entry == *:/usr/sbin/nologin ]] || { echo "$entry"; return 1; }
	[ "$(id -u)" -eq 0 ] || return 0 # only root gives a folder away
	systemd-tmpfiles --root="$root" --create "$prefix/lib/tmpfiles.d/isekai-publisher.conf" || return
	[ "$(stat -c '%a %u %g' "$root/etc/isekai-publisher")" = "750 0 $(cut -d: -f4 <<<"$entry")" ] ||
		{ stat "$root/etc/isekai-publisher"; return 1; }
}

uninstall_takes_all_of_it_away() {
	make -s uninstall PREFIX="$prefix" || return
	[ -z "$(find "$prefix" -type f)" ] || { find "$prefix" -type f; return 1; }
}

number=0 failures=0
for test in "${tests[@]}"; do
	number=$((number + 1))
	if "$test" >"$work/said" 2>&1; then
		echo "ok $number - $test"
	else
		failures=$((failures + 1))
		echo "not ok $number - $test"
		sed 's/^/# /' "$work/said"
	fi
done
[ "$failures" -eq 0 ]

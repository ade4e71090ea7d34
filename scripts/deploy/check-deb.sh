#!/usr/bin/env bash
# Installs the package of `make deb` in a fresh Debian and tries it there. TAP on standard output.
#
#   scripts/deploy/check-deb.sh [--base TREE]
#
#   --base TREE   start from this tree (made by debootstrap --variant=minbase), which stays as it is; without it one of this
#                 machine's release is made, which takes a minute
#
# Everything lies in a debootstrap tree under build/deb/; all mounts live in a mount namespace that ends with this script.
# Needs root, debootstrap, lintian, man-db, and Debian's packages from the network. The machine itself is left alone.
# shellcheck disable=SC2015,SC2016,SC2317 # "a && b || c" without an else is meant; functions are called by name
set -u
cd "$(dirname "$0")/../.." || exit 1

die() {
	echo "$0: $*" >&2
	exit 1
}

# ---------------------------------------------------------------- in and out

base=''
while [ $# -gt 0 ]; do
	case $1 in
	--base) base=${2:-} && [ -x "$base/bin/sh" ] && shift || die "--base needs a tree with a system in it" ;;
	*) die 'usage: scripts/deploy/check-deb.sh [--base TREE]' ;;
	esac
	shift
done
# The outer half only makes and removes the directory, where no mount can be seen: what is removed is ours alone.
if [ -z "${check_deb_work:-}" ]; then
	[ "$(id -u)" -eq 0 ] || die 'must be root'
	for tool in lintian man unshare setpriv $([ -n "$base" ] || echo debootstrap); do
		command -v "$tool" >/dev/null || die "needs $tool: scripts/install-deps.sh deb"
	done
	check_deb_work=$(mktemp -d build/deb/check.XXXXXX) && check_deb_work=$(realpath "$check_deb_work") || exit 1
	export check_deb_work
	trap 'rm -rf --one-file-system "$check_deb_work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	unshare --mount --propagation private -- "$0" ${base:+--base "$base"}
	exit
fi

work=$check_deb_work tree=$work/tree failed=0 number=0
package=isekai-publisher
deb=$(find build/deb -maxdepth 1 -name "${package}_*.deb") && [ -f "$deb" ] || die 'there is no package in build/deb: make deb'
ini=/etc/$package/$package.ini

# check NAME COMMAND...: one TAP line; the command's output is shown if it fails.
check() {
	local name=$1
	shift
	number=$((number + 1))
	if "$@" >"$work/out" 2>&1; then
		echo "ok $number - $name"
		return 0
	fi
	tail -n 60 "$work/out" | cut -c1-1000 | sed 's/^/# /'
	echo "not ok $number - $name"
	failed=1
	return 1
}

# inside COMMAND...: in the tree, as its root.
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$tree" "$@"; }
# as_service COMMAND...: as the service's user, without any right.
as_service() {
	inside setpriv --reuid=$package --regid=$package --clear-groups --no-new-privs --bounding-set=-all "$@"
}
apt() { inside apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"; }

# ---------------------------------------------------------------- the package by itself

lintian_is_content() {
	lintian --fail-on error,warning --info "$deb" && ! lintian "$deb" | grep -E '^[EW]:'
}

holds() {
	local path
	dpkg-deb --fsys-tarfile "$deb" | tar -t | sed 's/^\.//' >"$work/files" || return
	for path in "$@"; do
		grep -xE "(/usr)?$path" "$work/files" || { echo "$path is not in it"; cat "$work/files"; return 1; }
	done
}
it_holds_what_it_should() {
	holds /usr/bin/isekai-publisher /usr/bin/isekai-healthcheck /lib/systemd/system/isekai-publisher.service \
		/lib/sysusers.d/isekai-publisher.conf /lib/tmpfiles.d/isekai-publisher.conf "$ini" \
		/usr/share/man/man8/isekai-publisher.8.gz /usr/share/man/man5/isekai-publisher.ini.5.gz \
		/usr/share/bash-completion/completions/isekai-publisher /usr/share/doc/isekai-publisher/config.example.ini \
		/usr/share/doc/isekai-publisher/credentials.conf /usr/share/doc/isekai-publisher/copyright &&
		dpkg-deb -I "$deb" conffiles | grep -x "$ini" && ! grep -E '/(local|build|tmp|root|home)/' "$work/files"
}

# ---------------------------------------------------------------- a Debian to install it in

make_tree() {
	local name
	if [ -n "$base" ]; then
		cp -a --one-file-system "$base/." "$tree"
	else
		debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$tree" http://deb.debian.org/debian
	fi || return
	rm -f "$tree/etc/resolv.conf" && cp -L /etc/resolv.conf "$tree/etc/resolv.conf" &&
		mount -t proc -o nosuid,nodev,noexec proc "$tree/proc" && mount -t tmpfs -o mode=755 dev "$tree/dev" || return
	for name in null zero full random urandom tty; do
		: >"$tree/dev/$name" && mount --bind "/dev/$name" "$tree/dev/$name" || return
	done
	# Nothing is started in there by being installed.
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d" && chmod 755 "$tree/usr/sbin/policy-rc.d"
}

install_it() {
	cp "$deb" "$tree/root/$package.deb" && apt update && apt install --no-install-recommends systemd "/root/$package.deb"
}

# ---------------------------------------------------------------- installed

its_user_is_there() {
	inside getent passwd $package && inside id $package && inside getent passwd $package | grep -E ':/usr/sbin/nologin$'
}
mode_of() { inside stat -c '%a %U:%G' "$1"; }
only_root_and_the_service_see_the_settings() {
	mode_of "$ini" && mode_of "${ini%/*}" &&
		[ "$(mode_of "$ini")" = "640 root:$package" ] && [ "$(mode_of "${ini%/*}")" = "750 root:$package" ] &&
		as_service cat "$ini" >/dev/null && ! inside setpriv --reuid=nobody --regid=nogroup --clear-groups cat "$ini"
}
it_is_not_enabled() { [ "$(inside systemctl is-enabled $package)" = disabled ]; }
the_unit_is_right() {
	inside systemd-analyze verify --man=no --recursive-errors=one $package.service 2>&1 | tee "$work/verify" && [ ! -s "$work/verify" ]
}
programs_run() {
	as_service $package -V | grep -x "$package $(dpkg-deb -f "$deb" Version)" && as_service $package -h | grep -q enqueue &&
		! as_service isekai-healthcheck -c "$ini"
}
settings_are_checked() {
	as_service $package -t -c "$ini" || return
	sed -i 's/^#concurrency = .*/concurrency = ten/' "$tree$ini"
	as_service $package -t -c "$ini"
	[ $? -eq 78 ] && sed -i 's/^concurrency = ten/concurrency = 3/' "$tree$ini" && as_service $package -t -c "$ini"
}
manuals_can_be_read() {
	local page
	for page in man8/$package.8 man5/$package.ini.5; do
		LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$tree/usr/share/man/$page.gz" >"$work/page" 2>"$work/warnings" || return
		[ -s "$work/page" ] && [ ! -s "$work/warnings" ] || { cat "$work/warnings"; return 1; }
	done
}
bash_completes() {
	inside bash -n /usr/share/bash-completion/completions/$package
}

# ---------------------------------------------------------------- upgrade, removal, purge

an_upgrade_keeps_the_settings() {
	local before
	before=$(sha256sum "$tree$ini") && apt install --reinstall "/root/$package.deb" && [ "$(sha256sum "$tree$ini")" = "$before" ] &&
		only_root_and_the_service_see_the_settings && it_is_not_enabled
}
# As debhelper wrote it: no systemd runs here. deb-systemd-invoke(1p) starts nothing that is disabled and does not run.
an_upgrade_restarts_and_a_removal_stops() {
	local info=$tree/var/lib/dpkg/info/$package
	grep deb-systemd-invoke "$info.postinst" "$info.prerm"
	grep -q '_dh_action=restart' "$info.postinst" && grep -q "deb-systemd-invoke stop '$package.service'" "$info.prerm"
}
removal_keeps_the_settings() { apt remove $package && [ -f "$tree$ini" ] && [ ! -e "$tree/usr/bin/$package" ]; }
purging_leaves_nothing() {
	apt purge $package || return
	! inside getent passwd $package && ! inside getent group $package &&
		[ -z "$(inside find / -xdev -path '*isekai*' -not -path "/root/$package.deb" -not -path '/proc/*' | tee /dev/stderr)" ]
}

check 'lintian has no error and no warning' lintian_is_content
check 'it holds programs, unit, user, manuals, completion, example and settings' it_holds_what_it_should
if check 'there is a Debian to install it in' make_tree && check 'it installs there, and everything that it needs' install_it; then
	check 'its user is there, and nobody can log in as it' its_user_is_there
	check 'only root and the service see the settings' only_root_and_the_service_see_the_settings
	check 'the service is not enabled' it_is_not_enabled
	check 'systemd has nothing to say about the unit' the_unit_is_right
	check 'the programs run: version, help; the health check says that nobody answers' programs_run
	check '-t: the example is a configuration, a wrong setting is exit status 78' settings_are_checked
	check 'the manual pages can be read' manuals_can_be_read
	check 'the completion is bash' bash_completes
	check 'an upgrade keeps settings that were changed, and who may see them' an_upgrade_keeps_the_settings
	check 'an upgrade restarts the service, a removal stops it' an_upgrade_restarts_and_a_removal_stops
	check 'removing keeps the settings' removal_keeps_the_settings
	check 'purging leaves nothing' purging_leaves_nothing
fi
echo "1..$number"
exit $failed

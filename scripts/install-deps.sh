#!/usr/bin/env bash
# Installs what is missing, from the distribution's own packages (Debian 12 and 13, Ubuntu of that age).
#
#   scripts/install-deps.sh [build] [run] [test] [deb] [browser]     no argument: the first three
#
#   build   compiler and libraries
#   run     the servers a publisher lives beside, Redis and PostgreSQL, and what the demo needs besides
#   test    cmocka, sanitizers, clang and the checkers, Node.js (for BullMQ itself), Prometheus (for promtool), PgBouncer, mandoc and groff,
#           systemd (which is not started: for systemd-analyze and its kin)
#   deb     what makes and examines the Debian package
#   browser Chromium and fonts, for `make browser`
#
# Asks dpkg first: where everything is there it is done at once, needs no network and no root. What it
# installs it does not start. Root, or sudo, is needed only to install.
set -euo pipefail

build=(gcc make pkg-config libc6-dev libhiredis-dev libpq-dev
	libcurl4-openssl-dev libcjson-dev libevent-dev libssl-dev libinih-dev zlib1g-dev ca-certificates)
run=(redis-server postgresql netpbm curl)
test=(libcmocka-dev liblua5.1-0-dev lua-cjson clang clang-tidy clang-format lld cppcheck libclang-rt-dev openssl curl procps nodejs npm
	prometheus pgbouncer mandoc groff-base systemd)
deb=(debhelper dpkg-dev systemd lintian debootstrap man-db)
browser=(chromium fonts-dejavu-core nodejs npm)

[ $# -gt 0 ] || set -- build run test

installed() {
	dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# Is the need met? Some are met by other means than the package: a Node.js from elsewhere, for one.
met() {
	case $1 in
	nodejs) command -v node >/dev/null || installed nodejs ;;
	prometheus) command -v promtool >/dev/null || installed prometheus ;;
	npm) command -v npm >/dev/null || installed npm ;;
	pkg-config) command -v pkg-config >/dev/null ;; # Debian 13 has it from pkgconf
	libclang-rt-dev) # of clang's sanitizers and fuzzer; it may lie there under a versioned name
		installed "$1" || compgen -G '/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer*' >/dev/null
		;;
	*) installed "$1" ;;
	esac
}

missing=()
for group in "$@"; do
	case $group in
	build) needs=("${build[@]}") ;;
	run) needs=("${run[@]}") ;;
	test) needs=("${test[@]}") ;;
	deb) needs=("${deb[@]}") ;;
	browser) needs=("${browser[@]}") ;;
	*)
		echo "usage: $0 [build] [run] [test] [deb] [browser]" >&2
		exit 64
		;;
	esac
	if ! command -v dpkg-query >/dev/null; then
		echo "$0: no dpkg here; install what README.md lists by hand" >&2
		exit 1
	fi
	for need in "${needs[@]}"; do
		met "$need" || missing+=("$need")
	done
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "$0: must be root (or have sudo) to install: ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi

# A package must not start its server now: a policy that says no (101), only while we install, and only where
# the machine has none of its own (an image for containers does).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '${as_root[@]+"${as_root[@]}"} rm -f $policy' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	printf '#!/bin/sh\nexit 101\n' | ${as_root[@]+"${as_root[@]}"} tee $policy >/dev/null
	${as_root[@]+"${as_root[@]}"} chmod 755 $policy
fi

echo "installing: ${missing[*]}"
apt() {
	${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q \
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}
apt update
apt install -y --no-install-recommends "${missing[@]}"

#!/usr/bin/env bash
# `make deb`: the Debian package of this checkout, in build/deb/.
#
# debian/ and the sources it needs are put together in a tree of their own there; dpkg-buildpackage does the rest. The version
# is the Makefile's, and debian/changelog has to have an entry for it.
set -euo pipefail
cd "$(dirname "$0")/../.."

name=isekai-publisher
version=$(sed -n 's/^VERSION[[:space:]]*:= //p' Makefile)
told=$(dpkg-parsechangelog --file scripts/deploy/debian/changelog --show-field Version)
if [ "$told" != "$version" ]; then
	echo "$0: the Makefile has version $version, scripts/deploy/debian/changelog $told: give it an entry for $version" >&2
	exit 1
fi

out=build/deb tree=build/deb/$name-$version
rm -rf "$out"
mkdir -p "$tree"
# What `make install` needs, and no more: tests, demo and the rest stay here.
cp -a Makefile README.md config.example.ini .env.example common health scripts supervisor worker "$tree"
mv "$tree/scripts/deploy/debian" "$tree/debian"

cd "$tree"
# Ours to say, not the calling make's.
unset MAKEFLAGS MFLAGS MAKELEVEL VARIANT CC CFLAGS
dpkg-buildpackage --build=binary --no-sign --jobs="$(nproc)"
cd ../../..
ls -1 "$out"/*.deb

#!/usr/bin/env bash
# Makes PNG and JPEG files by netpbm, one for each line "key<TAB>format<TAB>width<TAB>height" of standard input, in the directory
# that is named, and prints "key<TAB>size<TAB>SHA-256" of each. The pictures are noise: no two are alike, none compresses.
set -euo pipefail
directory=$1

noise() {
	printf 'P6\n%d %d\n255\n' "$1" "$2"
	head -c $(($1 * $2 * 3)) /dev/urandom
}

while IFS=$'\t' read -r key format width height; do
	file=$directory/$key
	mkdir -p "${file%/*}"
	case $format in
	png) noise "$width" "$height" | pnmtopng -quiet -compression 1 >"$file" ;;
	jpeg) noise "$width" "$height" | pnmtojpeg -quiet -quality 90 >"$file" ;;
	*)
		echo "no such format: $format" >&2
		exit 1
		;;
	esac
	digest=$(sha256sum <"$file")
	printf '%s\t%d\t%s\n' "$key" "$(stat -c %s "$file")" "${digest%% *}"
done

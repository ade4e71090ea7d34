#!/usr/bin/env bash
# Runs the interoperability tests: TAP on standard output, exit status 0 only if all is well.
#
#   tests/interop/run.sh [TEST-FILE...]
#   NODE=/path/to/node                       another Node than that of the PATH
#   VARIANT=asan                             our side with sanitizers, the program too
#
# Starts a Redis of its own in a temporary directory. The node modules lie in build/interop/, never here.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
here=tests/interop
out=build/interop

say() { echo "# $*" >&2; }
node=${NODE:-node}
for program in "$node" npm redis-server; do
	command -v "$program" >/dev/null || { say "$program is missing"; exit 1; }
done

"$here/install.sh"

# Our side of the queue: a program of its own, linked against what the service is made of.
variant=${VARIANT:-release}
archives=("build/$variant/libcommon-queue.a" "build/$variant/libcommon.a")
make --no-print-directory -s all >&2
[ "$variant" = release ] || make --no-print-directory -s VARIANT="$variant" all >&2
make --no-print-directory VARIANT="$variant" "build/$variant/$here/queue_tool.o" "${archives[@]}" >&2
sanitizers=()
[ "$variant" != asan ] || sanitizers=("-fsanitize=address,undefined")
# hiredis_ssl comes before hiredis, and only where there is one.
tls=$(pkg-config --exists hiredis_ssl 2>/dev/null && pkg-config --libs hiredis_ssl || true)
# shellcheck disable=SC2046,SC2086
"${CC:-gcc}" "${sanitizers[@]+"${sanitizers[@]}"}" -o "$out/queue-tool" \
	"build/$variant/$here/queue_tool.o" -Wl,--start-group "${archives[@]}" -Wl,--end-group \
	$tls $(pkg-config --libs hiredis libcjson libcrypto libssl) -lm

scratch=$(mktemp -d "${TMPDIR:-/tmp}/publisher-interop.XXXXXX")
redis=
beside=
cleanup() {
	[ -z "$beside" ] || { kill "$beside" 2>/dev/null || true; wait "$beside" 2>/dev/null || true; }
	[ -z "$redis" ] || { kill "$redis" 2>/dev/null || true; wait "$redis" 2>/dev/null || true; }
	rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

redis-server --port 0 --unixsocket "$scratch/redis.sock" --save '' --appendonly no \
	--dir "$scratch" --logfile "$scratch/redis.log" &
redis=$!
for _ in $(seq 100); do
	redis-cli -s "$scratch/redis.sock" ping 2>/dev/null | grep -q PONG && break
	kill -0 "$redis" 2>/dev/null || { cat "$scratch/redis.log" >&2; exit 1; }
	sleep 0.05
done

[ $# -gt 0 ] || set -- "$here"/*.test.mjs
export INTEROP_MODULES=$root/$out INTEROP_TOOL=$root/$out/queue-tool INTEROP_REDIS=$scratch/redis.sock
[ "$variant" = release ] || export PUBLISHER=${PUBLISHER:-$root/build/$variant/isekai-publisher}

# The pool's tests wait most of their time: beside the others, and told after them.
others=() pools=()
for file; do
	case $file in
	*/pool*) pools+=("$file") ;;
	*) others+=("$file") ;;
	esac
done
status=0
if [ ${#pools[@]} -gt 0 ]; then
	"$node" --test --test-reporter=tap "${pools[@]}" >"$scratch/pool.tap" 2>&1 &
	beside=$!
fi
[ ${#others[@]} -eq 0 ] || "$node" --test --test-reporter=tap "${others[@]}" || status=1
if [ ${#pools[@]} -gt 0 ]; then
	wait "$beside" || status=1
	beside=
	cat "$scratch/pool.tap"
fi
exit "$status"

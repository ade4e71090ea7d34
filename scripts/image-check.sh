#!/usr/bin/env bash
# Builds the image of the Dockerfile without Docker, and examines it. TAP on standard output.
#
#   scripts/image-check.sh [--base TREE] [--tests]
#
#   --base TREE   start from this tree (made by debootstrap --variant=minbase trixie), which stays as it is;
#                 without it one is made, which takes a minute
#   --tests       then run the unit and integration tests in the tree of the build stage, after installing what they need
#
# The instructions are carried out one by one, each stage in a debootstrap tree in place of debian:trixie-slim. What
# comes out is run as a container would be: PID 1 of namespaces of its own, the image's user, no capabilities, a
# read-only root file system, and every shell removed. Needs root, debootstrap, iproute2, util-linux and Debian's
# packages from the network. All mounts live in a mount namespace that ends with this script; the trees go too.
# shellcheck disable=SC2012,SC2015,SC2016,SC2317 # "a && b || c" without an else is meant; functions are called by name
set -u
cd "$(dirname "$0")/.." || exit 1

default_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

die() {
	echo "$0: $*" >&2
	exit 1
}

# ---------------------------------------------------------------- in and out

# The outer half only makes and removes the directory, where no mount can be seen: what is removed is ours alone.
if [ -z "${image_check_work:-}" ]; then
	base='' given=("$@")
	while [ $# -gt 0 ]; do
		case $1 in
		--base) base=${2:-} && [ -x "$base/bin/sh" ] && shift || die "--base needs a tree with a system in it" ;;
		--tests) ;;
		*) die 'usage: scripts/image-check.sh [--base TREE] [--tests]' ;;
		esac
		shift
	done
	[ "$(id -u)" -eq 0 ] || die 'must be root'
	for tool in ip unshare nsenter setpriv $([ -n "$base" ] || echo debootstrap); do
		command -v "$tool" >/dev/null || die "needs $tool"
	done
	image_check_work=$(mktemp -d "${TMPDIR:-/tmp}/publisher-image.XXXXXX") || exit 1
	export image_check_work
	trap 'rm -rf --one-file-system "$image_check_work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	unshare --mount --propagation private -- "$0" ${given[@]+"${given[@]}"}
	exit
fi

work=$image_check_work base='' tests=false failed=0 number=0
while [ $# -gt 0 ]; do
	case $1 in
	--base) base=$2 && shift ;;
	--tests) tests=true ;;
	esac
	shift
done
container=''
trap '[ -z "$container" ] || kill -KILL "$container" 2>/dev/null' EXIT
trap 'exit 143' TERM INT

# check NAME COMMAND...: one TAP line; the command's output is shown if it fails.
check() {
	local name=$1 status=0
	shift
	number=$((number + 1))
	if "$@" >"$work/out" 2>&1; then
		echo "ok $number - $name"
	else
		{
			awk '/^(ok|# Subtest)/ { show = 0 } /^not ok/ { show = 30 } show-- > 0' "$work/out" | head -n 200
			tail -n 60 "$work/out"
		} | cut -c1-1000 | sed 's/^/# /'
		echo "not ok $number - $name"
		failed=1 status=1
	fi
	return $status
}

wait_for() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# ---------------------------------------------------------------- trees

# devices TREE: what a container finds in /proc and /dev, and no more.
devices() {
	local name
	mount -t proc -o nosuid,nodev,noexec proc "$1/proc" && mount -t tmpfs -o mode=755 dev "$1/dev" || return
	for name in null zero full random urandom tty; do
		: >"$1/dev/$name" && mount --bind "/dev/$name" "$1/dev/$name" || return
	done
	ln -s /proc/self/fd "$1/dev/fd" && ln -s fd/0 "$1/dev/stdin" && ln -s fd/1 "$1/dev/stdout" &&
		ln -s fd/2 "$1/dev/stderr" && mkdir -m 1777 "$1/dev/shm" && mount -t tmpfs -o mode=1777 shm "$1/dev/shm"
}
export -f devices

make_base() {
	[ -z "$base" ] || return 0
	base=$work/base
	debootstrap --variant=minbase trixie "$base" http://deb.debian.org/debian
}

# inside TREE COMMAND...: as root, as RUN does it. Names are resolved as they are here.
inside() {
	local tree=$1
	shift
	env -i "PATH=$default_path" HOME=/root chroot "$tree" "$@"
}

# ---------------------------------------------------------------- the Dockerfile

# One instruction a line: continued lines joined, comments dropped.
instructions() {
	awk '/^[[:space:]]*(#|$)/ { next } { whole = whole $0 } sub(/\\$/, "", whole) { next } { print whole; whole = "" }' Dockerfile
}

# The words of ["a", "b"], one a line; false for anything else, a shell's command above all.
words_of() {
	[[ $1 =~ ^\[\"[^\"]+\"(,\ *\"[^\"]+\")*\]$ ]] && grep -oE '"[^"]+"' <<<"$1" | tr -d '"'
}

# What .dockerignore leaves of the checkout. It must be a list of what is wanted: "*", then "!path" lines.
make_context() {
	local line first=true
	mkdir "$work/context" || return
	while IFS= read -r line; do
		case $line in
		'#'* | '') continue ;;
		'*') $first || return 1 ;;
		'!'*) ! $first && cp -r --preserve=mode,timestamps --parents "${line#!}" "$work/context/" || return ;;
		*) echo ".dockerignore: $line: not understood" && return 1 ;;
		esac
		first=false
	done <.dockerignore
}

stage=0 tree='' directory=/
declare -A arguments=() trees=() image=()

# FROM IMAGE [AS NAME]
begin_stage() {
	[ "$1" = debian:trixie-slim ] || { echo "FROM $1: only debian:trixie-slim is known here"; return 1; }
	stage=$((stage + 1)) tree=$work/stage.$stage directory=/
	[ "${2:-}" != AS ] || trees[$3]=$tree
	image=([tree]=$tree)
	# A mounted /proc or /dev of the base is not its own. Its way to the network is this machine's.
	cp -a --one-file-system "$base/." "$tree" && devices "$tree" &&
		rm -f "$tree/etc/resolv.conf" && cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
}

# COPY [--from=STAGE] SOURCE... DESTINATION
copy() {
	local from=$work/context to one
	if [[ $1 == --from=* ]]; then
		from=${trees[${1#--from=}]-} && [ -n "$from" ] || return
		shift
	fi
	to=${!#}
	[[ $to == /* ]] || to=$directory/$to
	mkdir -p "$tree$to" || return
	for one in "${@:1:$#-1}"; do
		[ ! -d "$from/$one" ] || one=$one/.
		cp -r --preserve=mode,timestamps "$from/$one" "$tree$to" || return
	done
}

# instruct INSTRUCTION REST
instruct() {
	local rest=$2 name
	for name in "${!arguments[@]}"; do
		[ "$1" != FROM ] || rest=${rest//"\${$name}"/${arguments[$name]}}
	done
	# shellcheck disable=SC2086 # they are words
	case $1 in
	ARG) [ -z "$tree" ] && arguments[${rest%%=*}]=${rest#*=} ;;
	FROM) begin_stage $rest ;;
	WORKDIR) directory=$rest && mkdir -p "$tree$rest" ;;
	COPY) copy $rest ;;
	RUN) inside "$tree" /bin/sh -c "cd $directory && $rest" ;;
	LABEL | EXPOSE | USER | STOPSIGNAL | ENTRYPOINT | HEALTHCHECK) image[$1]=$rest ;;
	*) echo "$1: not understood" && return 1 ;;
	esac
}

follow_dockerfile() {
	local line
	make_context || return
	while IFS= read -r line <&3; do
		echo "$line"
		instruct "${line%% *}" "${line#* }" </dev/null || return
	done 3< <(instructions)
}

# ---------------------------------------------------------------- what the image says, and holds

says_how_to_run() {
	[[ ${image[USER]} =~ ^[1-9][0-9]*:[1-9][0-9]*$ ]] || { echo "USER ${image[USER]}"; return 1; }
	[ "${image[STOPSIGNAL]}" = SIGTERM ] && [ "${image[EXPOSE]}" = 5000 ] &&
		words_of "${image[ENTRYPOINT]}" && words_of "${image[HEALTHCHECK]##* CMD }"
}

has_its_user() { inside "$final" getent passwd "${image[USER]%%:*}" && inside "$final" getent group "${image[USER]##*:}"; }

# Everything the programs are linked with comes from a package that the Dockerfile names, and the other way round.
names_what_is_needed() {
	local program library
	for program in "${programs[@]}"; do
		inside "$final" ldd "$program" | tee "$work/ldd" | grep 'not found' && return 1
		# gcc is in the first stage only.
		inside "$work/stage.1" objdump -p "/out$program" | awk '$1 == "NEEDED" { print $2 }' | while read -r library; do
			library=$(awk -v name="$library" '$1 == name { print $3 }' "$work/ldd")
			inside "$final" dpkg-query -S "$(inside "$final" realpath "$library")" | sed 's/:.*//'
		done
	done | sort -u | grep -vx libc6 >"$work/wanted"
	instructions | grep 'apt-get install' | grep -oE ' lib[^ ]+' | tr -d ' ' | sort >"$work/named"
	diff -u --label 'linked with' --label 'named in the Dockerfile' "$work/wanted" "$work/named"
}

# build stage leftovers: compilers, headers, sources, package lists.
holds_nothing_else() {
	! inside "$final" dpkg-query -W -f '${Package}\n' | grep -E -- '-dev$|^(gcc|cpp|make|binutils|perl)(-[0-9.]+)?$' &&
		[ ! -e "$final/src" ] && [ -z "$(ls -A "$final/var/lib/apt/lists")" ] &&
		[ "$(ls "$final/usr/local/bin" | tr '\n' ' ')" = 'isekai-healthcheck isekai-publisher ' ]
}

# ---------------------------------------------------------------- running it

settings=("PATH=$default_path" DATABASE_URL=postgresql://nobody@127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1
	DEVIANTART_CLIENT_ID=1 DEVIANTART_CLIENT_SECRET=secret S3_ENDPOINT=http://127.0.0.1:1 S3_ACCESS_KEY_ID=key
	S3_SECRET_ACCESS_KEY=secret S3_BUCKET_NAME=bucket)

# become_container TREE COMMAND...: what a container's runtime does; then the command is PID 1.
become_container() {
	ip link set lo up && mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && devices "$1" || exit 125
	shift
	exec env -i "$@"
}
export -f become_container

# image_command ARGUMENT...: the entry point in a container, as the array $command.
image_command() {
	command=(unshare --mount --pid --net --ipc --uts --fork --kill-child -- bash -c 'become_container "$@"' container
		"$final" "${settings[@]}" setpriv --no-new-privs
		chroot --userspec="${image[USER]}" --groups= "$final" "${entry[@]}" "$@")
}
run_image() {
	local command
	image_command "$@"
	"${command[@]}" </dev/null
}

first_process() { cat "/proc/$container/task/$container/children" 2>/dev/null; }
is_publisher() { [[ $(readlink "/proc/$(first_process | tr -d ' ')/exe") == *"${entry[0]}" ]]; }

# probe: the health check, as the runtime executes it: in the container, as its user.
probe() {
	env -i "${settings[@]}" nsenter --target "$init" --mount --net --pid --ipc --uts --root --wd \
		--setuid "${image[USER]%%:*}" --setgid "${image[USER]##*:}" -- "${health[@]}"
}
probe_fails_in_time() {
	local started=$SECONDS
	! probe && [ $((SECONDS - started)) -le 5 ]
}

start_image() {
	local command
	image_command
	"${command[@]}" >"$work/log" 2>"$work/errors" </dev/null &
	container=$!
	wait_for 10 is_publisher && init=$(first_process | tr -d ' ')
}

runs_as_it_should() {
	grep -E '^(NSpid|Uid|Gid|Groups|CapEff|CapPrm|NoNewPrivs):' "/proc/$init/status" | tee "$work/status"
	grep -qE '^NSpid:.*[[:space:]]1$' "$work/status" && grep -qE "^Uid:[[:space:]]${image[USER]%%:*}[[:space:]]" "$work/status" &&
		grep -qE '^CapEff:[[:space:]]0+$' "$work/status" && grep -qE '^NoNewPrivs:[[:space:]]1$' "$work/status" &&
		grep -E '^[^ ]+ / [^ ]+ ro,' "/proc/$init/mounts"
}

stops() {
	kill -"${image[STOPSIGNAL]#SIG}" "$init" || return
	wait "$container"
	local status=$?
	container=''
	cat "$work/errors"
	tail -n 3 "$work/log"
	[ "$status" -eq 0 ] && [ ! -s "$work/errors" ]
}

version_and_check_work() { run_image -V && run_image -t; }
bad_settings_end_with_78() {
	local settings=("${settings[@]}" PUBLISHER_CONCURRENCY=ten)
	run_image -t
	[ $? -eq 78 ]
}

remove_shells() {
	rm -f "$final"/usr/bin/{sh,dash,bash,rbash} && ! chroot "$final" /bin/sh -c true
}

examine() {
	check 'it says how to run it: a user that is not root, exec form, stop signal, health check' says_how_to_run || return
	mapfile -t entry < <(words_of "${image[ENTRYPOINT]}")
	mapfile -t health < <(words_of "${image[HEALTHCHECK]##* CMD }")
	programs=("${entry[0]}" "${health[0]}")
	check 'it knows its user' has_its_user
	check 'its packages are the libraries that are needed, and no others' names_what_is_needed
	check 'nothing of the build stage is left in it' holds_nothing_else
	check '(every shell is removed)' remove_shells
	check '-V and -t work on a read-only root file system' version_and_check_work
	check 'a wrong setting ends it with exit status 78' bad_settings_end_with_78
	check 'it starts' start_image || return
	check 'it is PID 1, not root, without capabilities, on a read-only root file system' runs_as_it_should
	check 'the health check finds it healthy' wait_for 15 probe
	kill -STOP "$init"
	check 'the health check does not find it healthy while it hangs' probe_fails_in_time
	kill -CONT "$init"
	check 'and does again when it goes on' wait_for 15 probe
	check "${image[STOPSIGNAL]} drains it: exit status 0, nothing on standard error" stops
}

# ---------------------------------------------------------------- the tests, there

install_test_needs() { inside "$1" sh -c 'cd /tests-src && scripts/install-deps.sh build run test'; }
build_tests() { inside "$1" sh -c 'cd /tests-src && make WERROR=1 all tests'; }
run_tests() {
	inside "$1" bash -c 'cd /tests-src &&
		tests/run.sh $(find build/release/tests/{unit,integration} -name "test_*" -type f -executable)'
}
run_script() { inside "$1" bash -c "cd /tests-src && timeout --kill-after=20 900 $2"; }
# As they are now, also what is not committed; without what git ignores.
copy_sources() {
	mkdir "$1/tests-src" && git ls-files -z --cached --others --exclude-standard --deduplicate |
		tar -c --null --ignore-failed-read -T - | tar -x -C "$1/tests-src"
}

test_there() {
	local tree=$work/stage.1 script
	check 'the sources are copied' copy_sources "$tree" &&
		check 'what the tests need is installed' install_test_needs "$tree" &&
		check 'the tests build, warnings are errors' build_tests "$tree" || return
	check 'the unit and integration tests pass' run_tests "$tree" && tail -n 1 "$work/out" | sed 's/^/# /'
	for script in tests/integration/test_*.sh; do
		check "$script passes" run_script "$tree" "$script"
		grep -oE '# SKIP .*' "$work/out"
	done
}

if check 'there is a Debian 13 to start from' make_base && check 'every step of the Dockerfile runs' follow_dockerfile; then
	final=${image[tree]}
	examine
	! $tests || test_there
fi
echo "1..$number"
exit $failed

#!/usr/bin/env bash
# The program as an operator sees it: command line, signals, exit statuses, dead children, reloads, PID 1.
# Needs no servers: Redis and PostgreSQL are away the whole time, which must not matter here. TAP on standard output.
#
#   tests/integration/test_supervisor.sh [TEST...]       PUBLISHER names another program than build/isekai-publisher
# shellcheck disable=SC2015,SC2054,SC2119,SC2120,SC2254 # "a && b || c" without an else is meant; names are globs
set -u
cd "$(dirname "$0")/../.." || exit 1
# In full, as /proc/<pid>/exe shows it.
program=$(realpath "${PUBLISHER:-build/isekai-publisher}") || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/publisher-supervisor.XXXXXX") || exit 1
running=()
# Environment of every program started here: nothing of the caller's.
clean=(env -i "PATH=$PATH" "ASAN_OPTIONS=${ASAN_OPTIONS:-}" "UBSAN_OPTIONS=${UBSAN_OPTIONS:-}")

cleanup() {
	local pid
	for pid in "${running[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 143' TERM INT

# ---------------------------------------------------------------- helpers

# configure [KEY=VALUE...]: writes publisher.ini; keys: concurrency, port (0: no listener), drain, broken.
configure() {
	local concurrency=3 port=0 drain=30000 broken='' level=debug setting
	for setting in "$@"; do
		local "$setting"
	done
	cat >"$work/publisher.ini.new" <<-END
		[database]
		url = postgresql://nobody:hidden-dbpass@127.0.0.1:1/none
		[redis]
		url = redis://:hidden-redispass@127.0.0.1:1
		[deviantart]
		client_id = 1
		client_secret = hidden-client
		[storage]
		endpoint = http://127.0.0.1:1
		access_key_id = key
		secret_access_key = hidden-storage
		bucket = bucket
		[publisher]
		concurrency = $concurrency
		drain_timeout_ms = $drain
		$broken
		[log]
		level = $level
		[health]
		enabled = $([ "$port" = 0 ] && echo false || echo true)
		host = 127.0.0.1
		port = $([ "$port" = 0 ] && echo 5000 || echo "$port")
	END
	mv "$work/publisher.ini.new" "$work/publisher.ini"
}

# start: runs the program as the leader of a session of its own; sets pid, log and errors.
start() {
	log=$work/log.$RANDOM$RANDOM errors=$work/errors.$RANDOM
	setsid "${clean[@]}" "$@" "$program" -c "$work/publisher.ini" >"$log" 2>"$errors" </dev/null &
	pid=$!
	running+=("$pid")
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

logged() { grep -q "\"message\":\"$1\"" "$log"; }
logged_times() { [ "$(grep -c "\"message\":\"$1\"" "$log")" -ge "$2" ]; }
children_of() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
children() { children_of "$pid"; }
named() {
	local child
	for child in $(children); do
		case $(cat "/proc/$child/comm" 2>/dev/null) in
		$1) echo "$child" ;;
		esac
	done
}
workers() { named 'publisher-w*'; }
dispatcher() { named publisher-disp; }
worker_count_is() { [ "$(workers | wc -l)" -eq "$1" ]; }
serving() { logged serving && worker_count_is "${1:-3}" && [ -n "$(dispatcher)" ]; }
is_gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.[ZX]' "/proc/$1/status" 2>/dev/null; }
all_gone() {
	local one
	for one in "$@"; do
		is_gone "$one" || return 1
	done
}
# exits SECONDS STATUS: the program has ended in that time, with that status.
exits() {
	wait_for "$1" is_gone "$pid" || { echo "# still running after $1 s"; return 1; }
	wait "$pid"
	local status=$?
	[ "$status" -eq "$2" ] || { echo "# exit status $status, expected $2"; return 1; }
}
silent() { [ ! -s "$errors" ] || { sed 's/^/# standard error: /' "$errors"; return 1; }; }
begin() {
	configure "$@"
	start
	wait_for 20 serving "$(sed -n 's/^concurrency = //p' "$work/publisher.ini")"
}
finish() { kill -TERM "$pid" && exits 20 0 && silent; }

# ---------------------------------------------------------------- command line

version_and_help_go_to_standard_output() {
	"${clean[@]}" "$program" -V 2>"$work/e" | grep -q '^isekai-publisher [0-9]' && [ ! -s "$work/e" ] &&
		"${clean[@]}" "$program" -h >"$work/help" && grep -q enqueue "$work/help" &&
		! awk 'length > 79 { found = 1 } END { exit !found }' "$work/help"
}

wrong_arguments_exit_64() {
	local arguments
	for arguments in bogus -x -c 'enqueue' '-t enqueue 1' '-V -h' '-c a -c b'; do
		# shellcheck disable=SC2086 # they are several
		"${clean[@]}" "$program" $arguments >"$work/o" 2>"$work/e" </dev/null
		[ $? -eq 64 ] && [ -s "$work/e" ] && [ ! -s "$work/o" ] || { echo "# $arguments"; return 1; }
	done
}

wrong_settings_are_all_named_and_exit_78() {
	local arguments
	configure broken='max_attempts = many'
	for arguments in '' -t; do
		"${clean[@]}" PUBLISHER_CONCURRENCY=ten "$program" $arguments -c "$work/publisher.ini" \
			>"$work/o" 2>"$work/e"
		[ $? -eq 78 ] && [ ! -s "$work/o" ] &&
			grep -q 'PUBLISHER_CONCURRENCY: "ten"' "$work/e" && grep -qi max_attempts "$work/e" &&
			! grep -q hidden "$work/e" || { cat "$work/e"; return 1; }
	done
}

a_fine_configuration_is_said_to_be_fine() {
	configure
	"${clean[@]}" "$program" -t -c "$work/publisher.ini" >"$work/o" 2>"$work/e" &&
		grep -q fine "$work/o" && [ ! -s "$work/e" ]
}

# Whoever started it still has it by its process id, and what it needs of the disk it was given.
stays_in_the_foreground_and_leaves_no_file() {
	local parent
	mkdir "$work/empty" || return 1
	configure
	pushd "$work/empty" >/dev/null || return 1
	start TMPDIR="$work/empty" HOME="$work/empty"
	popd >/dev/null || return 1
	wait_for 20 serving 3 || return 1
	parent=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
	[ "$parent" = $$ ] && [ "$(readlink "/proc/$pid/exe")" = "$program" ] &&
		[ "$(readlink "/proc/$pid/cwd")" = "$work/empty" ] && finish && [ -z "$(ls -A "$work/empty")" ]
}

# ---------------------------------------------------------------- signals

term_ends_an_idle_pool_with_0() { begin && finish && ! logged 'child died'; }
int_ends_an_idle_pool_with_0() { begin && kill -INT "$pid" && exits 10 0 && silent; }
quit_exits_131() { begin && kill -QUIT "$pid" && exits 10 131 && silent; }

term_to_the_whole_group_kills_no_child() {
	begin && kill -TERM -- "-$pid" && exits 10 0 && silent && ! logged 'child died'
}

children_ignore_what_is_not_from_the_supervisor() {
	local child before
	begin || return 1
	before=$(children)
	for child in $before; do
		kill -TERM "$child" && kill -INT "$child" && kill -HUP "$child" && kill -QUIT "$child"
	done
	# Were a signal to end one, it would be gone before the answer to this reload is there.
	configure broken='nonsense = 1'
	kill -HUP "$pid" && wait_for 10 logged 'reload refused; the old configuration stays' &&
		[ "$(children)" = "$before" ] && finish
}

# USR2 is what the kernel tells a child of its supervisor's death by: it would be gone 4 s later.
no_signal_to_the_group_and_none_to_a_child_kills_a_child() {
	local child name before
	begin || return 1
	before=$(children)
	for name in USR1 USR2 PIPE WINCH CONT; do
		kill -"$name" -- "-$pid" || return 1
	done
	for child in $before; do
		for name in USR1 USR2 ALRM PROF VTALRM IO PWR STKFLT RTMIN RTMAX; do
			kill -"$name" "$child" || return 1
		done
	done
	! wait_for 5 logged 'child died' && [ "$(children)" = "$before" ] && finish
}

# A stopped worker cannot leave; so the drain still goes on when the second signal comes.
second_signal() {
	local worker
	begin && worker=$(workers | head -n 1) && kill -STOP "$worker" && kill -TERM "$pid" &&
		wait_for 10 logged 'drain begun' && kill -"$1" "$pid" && exits 20 "$2" && silent
}
second_term_exits_143() { second_signal TERM 143; }
int_after_term_exits_130() { second_signal INT 130; }
quit_after_term_exits_131() { second_signal QUIT 131; }

a_stopped_idle_worker_does_not_hold_up_the_drain() {
	local worker
	begin && worker=$(workers | head -n 1) && kill -STOP "$worker" && kill -TERM "$pid" && exits 20 0
}

# The mask or the handlers are in place: /proc/<pid>/status shows TERM blocked or caught (bit 15).
hears_term() {
	local field value
	[ "$(readlink "/proc/$pid/exe")" = "$program" ] || return 1
	while read -r field value; do
		case $field in
		SigBlk: | SigCgt:) [ $((0x${value: -8} & 0x4000)) -ne 0 ] && return 0 ;;
		esac
	done <"/proc/$pid/status"
	return 1
}
term_during_start_up_is_heard() {
	local round
	configure
	for round in 1 2 3 4 5 6 7 8 9 10; do
		start
		wait_for 10 hears_term && kill -TERM "$pid" && exits 10 0 && silent ||
			{ echo "# round $round"; return 1; }
	done
}

closed_standard_streams_do_no_harm() {
	configure
	setsid "${clean[@]}" "$program" -c "$work/publisher.ini" <&- >&- 2>&- &
	pid=$!
	running+=("$pid")
	wait_for 20 worker_count_is 3 && kill -TERM "$pid" && exits 10 0
}

inherited_signal_settings_do_no_harm() {
	local odd=(--ignore-signal=INT,HUP,QUIT,CHLD --block-signal=TERM,CHLD)
	env "${odd[@]}" true 2>/dev/null || { echo '# SKIP env(1) cannot block signals'; return 77; }
	configure
	log=$work/log.inherited errors=$work/errors.inherited
	setsid env -i "${odd[@]}" "PATH=$PATH" "$program" -c "$work/publisher.ini" \
		>"$log" 2>"$errors" </dev/null &
	pid=$!
	running+=("$pid")
	wait_for 20 serving && kill -KILL "$(workers | head -n 1)" && wait_for 10 logged 'child died' &&
		wait_for 10 worker_count_is 3 && finish
}

# ---------------------------------------------------------------- dead children

is_replaced() { ! [[ " $("$1" | tr '\n' ' ') " == *" $2 "* ]] && serving; }
a_killed_worker_is_replaced() {
	local victim
	begin && victim=$(workers | tail -n 1) && kill -KILL "$victim" &&
		wait_for 10 is_replaced workers "$victim" && finish
}
a_killed_dispatcher_is_replaced() {
	local victim
	begin && victim=$(dispatcher) && kill -KILL "$victim" &&
		wait_for 10 is_replaced dispatcher "$victim" && finish
}
a_dispatcher_that_hangs_is_replaced() {
	local victim
	begin && victim=$(dispatcher) && kill -STOP "$victim" &&
		wait_for 20 is_replaced dispatcher "$victim" && logged 'killing a child' && finish
}
all_workers_killed_again_and_again_are_replaced() {
	local round
	begin || return 1
	for round in 1 2 3 4 5; do
		# shellcheck disable=SC2046 # they are several
		kill -KILL $(workers)
		wait_for 10 logged_times 'child died' $((round * 3)) && wait_for 20 serving || return 1
	done
	finish
}

children_do_not_outlive_a_killed_supervisor() {
	local left
	begin && left=$(children) && kill -KILL "$pid" || return 1
	# shellcheck disable=SC2086 # they are several
	wait_for 5 all_gone $left
	wait "$pid" 2>/dev/null
	# shellcheck disable=SC2086
	all_gone $left
}

# ---------------------------------------------------------------- reload

reload_done() { logged_times 'reload done' "${1:-1}"; }
hup_replaces_every_child() {
	local before child
	begin && before=$(children) && kill -HUP "$pid" && wait_for 20 reload_done || return 1
	# shellcheck disable=SC2086
	wait_for 10 all_gone $before && wait_for 10 serving && finish && ! logged 'child died'
}
hup_with_a_wrong_file_changes_nothing() {
	local before
	begin && before=$(children) || return 1
	configure broken='concurency = 9'
	kill -HUP "$pid" && wait_for 10 logged 'reload refused; the old configuration stays' &&
		logged 'wrong setting' && [ "$(children)" = "$before" ] && finish
}
hup_grows_and_shrinks_the_pool() {
	begin || return 1
	configure concurrency=7
	kill -HUP "$pid" && wait_for 20 reload_done 1 && wait_for 10 worker_count_is 7 || return 1
	configure concurrency=2
	kill -HUP "$pid" && wait_for 20 reload_done 2 && wait_for 10 worker_count_is 2 && finish
}
storm() {
	local round
	for round in $(seq 40); do
		kill -HUP "$pid" || return 1
		[ $((round % 8)) -ne 0 ] || sleep 0.0"$((round % 5))"
	done
}
a_storm_of_hups_ends_with_one_pool() {
	begin && storm && wait_for 20 reload_done && wait_for 20 serving || return 1
	# One more after the storm: its answer says that the storm is over.
	configure concurrency=4
	kill -HUP "$pid" && wait_for 20 worker_count_is 4 && finish && ! logged 'child died'
}
term_in_a_storm_of_hups_drains() { begin && storm && kill -TERM "$pid" && exits 20 0 && silent; }

# ---------------------------------------------------------------- surroundings

free_port() {
	local port
	for port in $(seq $((20000 + RANDOM % 20000)) 60000); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
}
a_port_in_use_is_a_clear_error() {
	local port first first_log
	port=$(free_port)
	begin port="$port" || return 1
	first=$pid first_log=$log
	start
	exits 10 1 && grep -q HEALTH_CHECK_PORT "$errors" || { cat "$errors"; return 1; }
	pid=$first log=$first_log
	kill -TERM "$pid" && exits 10 0
}

# Sockets and pipes; of anonymous inodes (epoll) all look alike.
open_ends() {
	local fd
	for fd in "/proc/$1/fd"/*; do
		readlink "$fd" 2>/dev/null
	done | grep -E '^(socket|pipe):' | sort -u
}
children_hold_no_descriptor_of_the_supervisor() {
	local child
	begin port="$(free_port)" || return 1
	open_ends "$pid" >"$work/ours"
	grep -q socket "$work/ours" || { echo "# the listener's socket is not seen"; return 1; }
	for child in $(children); do
		# The one that both have is the pipe of its orders.
		open_ends "$child" | comm -12 - "$work/ours" >"$work/shared"
		[ "$(wc -l <"$work/shared")" -eq 1 ] && grep -q pipe "$work/shared" ||
			{ echo "# $(cat "/proc/$child/comm"):"; cat "$work/shared"; return 1; }
	done
	finish
}

secrets_are_in_no_list_of_processes() {
	local one
	configure
	start DEVIANTART_CLIENT_SECRET=hidden-environment
	wait_for 20 serving || return 1
	for one in "$pid" $(children); do
		! grep -aq hidden "/proc/$one/environ" "/proc/$one/cmdline" || return 1
	done
	finish && ! grep -q hidden "$log"
}

stranger_was_reaped() { logged 'reaped a process that is not ours'; }
works_as_pid_1() {
	unshare --pid --fork --mount-proc true 2>/dev/null || { echo '# SKIP unshare is not permitted'; return 77; }
	local outer inner
	configure
	log=$work/log.pid1 errors=$work/errors.pid1
	setsid "${clean[@]}" unshare --pid --fork --mount-proc "$program" -c "$work/publisher.ini" \
		>"$log" 2>"$errors" </dev/null &
	outer=$!
	running+=("$outer")
	wait_for 20 logged serving && inner=$(children_of "$outer") && inner=${inner// /} || return 1
	running+=("$inner")
	pid=$inner
	wait_for 10 serving || return 1
	# An orphan in that namespace becomes a child of ours.
	nsenter -t "$inner" -p -m sh -c 'sleep 0.1 & :' && wait_for 10 stranger_was_reaped &&
		kill -KILL "$(workers | head -n 1)" && wait_for 10 logged 'child died' && wait_for 10 serving &&
		kill -TERM "$inner" && wait_for 10 is_gone "$outer" && wait "$outer" && silent
}

# ---------------------------------------------------------------- running them

tests=(
	version_and_help_go_to_standard_output wrong_arguments_exit_64
	wrong_settings_are_all_named_and_exit_78 a_fine_configuration_is_said_to_be_fine
	stays_in_the_foreground_and_leaves_no_file
	term_ends_an_idle_pool_with_0 int_ends_an_idle_pool_with_0 quit_exits_131
	term_to_the_whole_group_kills_no_child children_ignore_what_is_not_from_the_supervisor
	no_signal_to_the_group_and_none_to_a_child_kills_a_child
	second_term_exits_143 int_after_term_exits_130 quit_after_term_exits_131
	a_stopped_idle_worker_does_not_hold_up_the_drain term_during_start_up_is_heard
	closed_standard_streams_do_no_harm inherited_signal_settings_do_no_harm
	a_killed_worker_is_replaced a_killed_dispatcher_is_replaced a_dispatcher_that_hangs_is_replaced
	all_workers_killed_again_and_again_are_replaced children_do_not_outlive_a_killed_supervisor
	hup_replaces_every_child hup_with_a_wrong_file_changes_nothing hup_grows_and_shrinks_the_pool
	a_storm_of_hups_ends_with_one_pool term_in_a_storm_of_hups_drains
	a_port_in_use_is_a_clear_error children_hold_no_descriptor_of_the_supervisor
	secrets_are_in_no_list_of_processes works_as_pid_1
)
[ $# -eq 0 ] || tests=("$@")

echo "1..${#tests[@]}"
number=0 failures=0
for test in "${tests[@]}"; do
	number=$((number + 1)) log='' errors=''
	"$test" >"$work/said" 2>&1
	status=$?
	if [ "$status" -eq 0 ]; then
		echo "ok $number - $test"
	elif [ "$status" -eq 77 ]; then
		echo "ok $number - $test $(grep -m 1 SKIP "$work/said")"
	else
		failures=$((failures + 1))
		echo "not ok $number - $test"
		sed 's/^/# /' "$work/said"
		[ -z "$log" ] || tail -n 40 "$log" | sed 's/^/# log: /'
		[ -z "$errors" ] || sed 's/^/# standard error: /' "$errors"
	fi
	# Whatever a failed test left behind ends here.
	for one in "${running[@]}"; do
		kill -KILL "$one" 2>/dev/null
	done
	wait 2>/dev/null
	running=()
done
[ "$failures" -eq 0 ]

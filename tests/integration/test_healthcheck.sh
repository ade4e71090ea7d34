#!/usr/bin/env bash
# isekai-healthcheck against a publisher that runs, hangs, is not there, or is somebody else. TAP on standard output.
#
#   tests/integration/test_healthcheck.sh       HEALTHCHECK, PUBLISHER and SANDBOX name other programs than those in build/
# shellcheck disable=SC2015,SC2119,SC2154,SC2317 # "a && b || c" is meant; names come from servers.sh, functions are called by name
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/servers.sh
. tests/support/servers.sh

healthcheck=$(realpath "${HEALTHCHECK:-build/isekai-healthcheck}") || exit 1
publisher=$(realpath "${PUBLISHER:-build/isekai-publisher}") || exit 1
clean=(env -i "PATH=$PATH" "ASAN_OPTIONS=${ASAN_OPTIONS:-}" "UBSAN_OPTIONS=${UBSAN_OPTIONS:-}")

# probe STATUS WORDS [NAME=VALUE...] [-- ARGUMENT...]: its exit status, and what it says (nothing, if WORDS is empty).
probe() {
	local expected=$1 words=$2 environment=() status said
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		environment+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	said=$("${clean[@]}" ${environment[@]+"${environment[@]}"} "$healthcheck" "$@" 2>&1)
	status=$?
	if [ "$status" -ne "$expected" ] || { [ -z "$words" ] && [ -n "$said" ]; } || [[ $said != *"$words"* ]]; then
		echo "# exit status $status: $said"
		return 1
	fi
}

# Redis and PostgreSQL are away the whole time: /health does not ask for them.
start_publisher() {
	cat >"$servers_dir/publisher.ini" <<-END
		[database]
		url = postgresql://nobody@127.0.0.1:1/none
		[redis]
		url = redis://127.0.0.1:1
		[deviantart]
		client_id = 1
		client_secret = secret
		[storage]
		endpoint = http://127.0.0.1:1
		access_key_id = key
		secret_access_key = secret
		bucket = bucket
		[publisher]
		concurrency = 1
		[health]
		host = $1
		port = $port
	END
	start_server publisher "${clean[@]}" "$publisher" -c "$servers_dir/publisher.ini"
	comes_up publisher 20 curl -sf -o /dev/null --max-time 2 "http://localhost:$port/health"
}

a_running_publisher_is_healthy() { probe 0 '' HEALTH_CHECK_HOST=127.0.0.1 HEALTH_CHECK_PORT="$port"; }
a_listener_on_every_address_is_asked_on_loopback() { probe 0 '' HEALTH_CHECK_PORT="$port"; }
the_host_may_be_a_name() { probe 0 '' HEALTH_CHECK_HOST=localhost HEALTH_CHECK_PORT="$port"; }
the_ini_file_names_the_port() { probe 0 '' -- -c "$servers_dir/publisher.ini"; }
the_environment_wins_over_the_ini_file() { probe 1 refused HEALTH_CHECK_PORT=1 -- -c "$servers_dir/publisher.ini"; }
a_file_may_name_the_port() {
	echo "$port" >"$servers_dir/port"
	probe 0 '' HEALTH_CHECK_PORT_FILE="$servers_dir/port"
}

a_publisher_that_hangs_is_not_healthy() {
	local pid=${server_pids[publisher]} started=$SECONDS status=0
	kill -STOP "$pid"
	probe 1 'no answer in time' HEALTH_CHECK_PORT="$port" || status=1
	kill -CONT "$pid"
	[ $((SECONDS - started)) -le 10 ] || status=1
	wait_until 10 probe 0 '' HEALTH_CHECK_PORT="$port" && return "$status"
}

a_publisher_that_is_gone_is_not_healthy() {
	stop_server publisher
	probe 1 'Connection refused' HEALTH_CHECK_HOST=127.0.0.1 HEALTH_CHECK_PORT="$port"
}

both_families_are_asked_on_loopback() {
	[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || { echo '# SKIP no IPv6 here'; return 77; }
	start_publisher :: && probe 0 '' HEALTH_CHECK_HOST=:: HEALTH_CHECK_PORT="$port" && stop_server publisher
}

another_answer_than_200_is_not_healthy() {
	start_sandbox && probe 1 'answers "HTTP/1.1 4' HEALTH_CHECK_PORT="${SANDBOX_URL##*:}" && stop_server sandbox
}

a_listener_that_is_switched_off_is_not_asked() { probe 0 'nothing to ask' HEALTH_CHECK_ENABLED=off HEALTH_CHECK_PORT=1; }
a_wrong_setting_is_named() {
	probe 1 'HEALTH_CHECK_PORT: "many"' HEALTH_CHECK_PORT=many &&
		probe 1 'HEALTH_CHECK_ENABLED: "perhaps"' HEALTH_CHECK_ENABLED=perhaps &&
		probe 1 HEALTH_CHECK_PORT HEALTH_CHECK_PORT_FILE=/nonexistent
}
wrong_arguments_are_refused() { probe 1 usage: -- -x && probe 1 usage: -- -c && probe 1 /nonexistent -- -c /nonexistent; }

tests=(a_running_publisher_is_healthy a_listener_on_every_address_is_asked_on_loopback the_host_may_be_a_name
	the_ini_file_names_the_port the_environment_wins_over_the_ini_file a_file_may_name_the_port
	a_publisher_that_hangs_is_not_healthy a_publisher_that_is_gone_is_not_healthy both_families_are_asked_on_loopback
	another_answer_than_200_is_not_healthy a_listener_that_is_switched_off_is_not_asked a_wrong_setting_is_named
	wrong_arguments_are_refused)

servers_begin || exit 1
port=$(free_port)
start_publisher 127.0.0.1 || exit 1
failed=0 number=0
echo "1..${#tests[@]}"
for name in "${tests[@]}"; do
	number=$((number + 1))
	said=$servers_dir/said
	"$name" >"$said" 2>&1
	case $? in
	0) echo "ok $number - $name" ;;
	77) echo "ok $number - $name $(cat "$said")" ;;
	*)
		echo "not ok $number - $name"
		sed 's/^#* */# /' "$said"
		failed=1
		;;
	esac
done
exit $failed

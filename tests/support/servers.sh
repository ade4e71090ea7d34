# shellcheck shell=bash
# The servers that a publisher lives beside, for the demo and the tests: PostgreSQL, Redis, and the sandbox that stands in
# for DeviantArt and for S3. Source it into a bash script:
#
#   . tests/support/servers.sh
#   servers_begin                   a private directory ($servers_dir), removed when the script ends, however it ends
#   start_postgres [-c NAME=VALUE]  database "isekai" with the API server's tables   -> DATABASE_URL, PGHOST, PGUSER, PGDATABASE
#   start_redis [OPTION VALUE]      empty, on a unix socket                          -> REDIS_URL, REDIS_SOCKET
#   start_sandbox [OPTION]          -> SANDBOX_URL, S3_URL; objects are $servers_dir/objects/<bucket>/<key>
#   start_server NAME COMMAND...    anything else; its output goes to $servers_dir/NAME.log and NAME.err
#   stop_server NAME [SIGNAL]       any of them; start it again at will: PostgreSQL keeps its data, Redis does not
#   stop_all                        happens at the end in any case
#   servers_settings                prints NAME=VALUE lines: the publisher's settings for these servers
#
# Nothing listens but on unix sockets in that directory and on the loopback address; system services are never touched, and
# only what was started here is ever ended, by its process id. Call the start functions from the script's own shell, not from
# a subshell: a server ends with the shell that started it.

servers_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
declare -A server_pids=()

# say_server MESSAGE: to standard error, where tests' and the demo's own output is not.
say_server() { printf '%s\n' "$*" >&2; }

# wait_until SECONDS COMMAND...: until the command succeeds; false if it does not in that time.
wait_until() {
	local end=$((SECONDS + $1 + 1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

is_running() { [ -n "${1:-}" ] && kill -0 "$1" 2>/dev/null && ! grep -q '^State:.[ZX]' "/proc/$1/status" 2>/dev/null; }
is_gone() { ! is_running "$1"; }

# servers_begin: makes the directory and sees to its removal. The names of unix sockets are short, so a long TMPDIR is not used.
servers_begin() {
	local parent=${TMPDIR:-/tmp}
	[ ${#parent} -le 40 ] || parent=/tmp
	servers_dir=$(mktemp -d "$parent/isekai.XXXXXXXX") || return 1
	chmod 711 "$servers_dir" # PostgreSQL's own user has to get through; nobody can list it
	trap 'servers_end $?' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
}

# A script that has something to do at the end defines servers_goodbye STATUS.
servers_end() {
	set +e
	trap '' INT TERM HUP
	if declare -F servers_goodbye >/dev/null; then
		servers_goodbye "$1" || true
	fi
	stop_all
	rm -rf "$servers_dir"
	exit "$1"
}

# start_server NAME COMMAND...: in a session of its own, so that Ctrl-C reaches the script alone, and with TERM as the signal
# that it gets if the script should be killed. Its output goes to $servers_dir/NAME.log and NAME.err.
start_server() {
	local name=$1
	shift
	setsid setpriv --pdeathsig TERM "$@" >>"$servers_dir/$name.log" 2>>"$servers_dir/$name.err" </dev/null &
	server_pids[$name]=$!
}

# comes_up NAME SECONDS COMMAND...: until the command succeeds; shows what the server said if it does not.
comes_up() {
	local name=$1 seconds=$2
	shift 2
	if ! wait_until "$seconds" answers_or_died "$name" "$@" || ! is_running "${server_pids[$name]}"; then
		say_server "$name does not start:"
		tail -q -n 20 "$servers_dir/$name.log" "$servers_dir/$name.err" >&2
		return 1
	fi
}
answers_or_died() {
	local name=$1
	shift
	is_gone "${server_pids[$name]}" || "$@" >/dev/null 2>&1
}

# stop_server NAME [SIGNAL [SECONDS]]: asks it to end, and insists after ten seconds (or that many). Its exit status is in
# $server_status then.
# shellcheck disable=SC2034 # read by those who source this
stop_server() {
	local name=$1 signal=${2:-TERM} seconds=${3:-10} pid
	pid=${server_pids[$name]:-}
	[ -n "$pid" ] || return 0
	kill -s "$signal" "$pid" 2>/dev/null || true
	kill -s CONT "$pid" 2>/dev/null || true # it may have been stopped
	if ! wait_until "$seconds" is_gone "$pid"; then
		say_server "$name does not end at $signal; killing it"
		kill -s KILL "$pid" 2>/dev/null || true
	fi
	server_status=0
	wait "$pid" 2>/dev/null || server_status=$?
	unset "server_pids[$name]"
}

# The newest first: a publisher ends before what it needs.
stop_all() {
	local name
	for name in "${!server_pids[@]}"; do
		case $name in
		postgres | redis | sandbox) ;;
		*) stop_server "$name" ;;
		esac
	done
	stop_server sandbox
	stop_server redis
	stop_server postgres INT # "fast": does not wait for clients
}

# ---------------------------------------------------------------- PostgreSQL

# The newest that is installed: Debian keeps the programs out of PATH.
postgres_bin() {
	local bin
	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
	if [ -x "$bin" ]; then
		dirname "$bin"
	elif bin=$(command -v initdb); then
		dirname "$bin"
	else
		say_server 'PostgreSQL is not installed; scripts/install-deps.sh installs it'
		return 1
	fi
}

# It refuses to run as root: then it runs as a user that exists already. as_postgres COMMAND... becomes COMMAND.
postgres_user() {
	local user
	if [ "$(id -u)" -ne 0 ]; then
		id -un
		return
	fi
	for user in postgres nobody; do
		if id "$user" >/dev/null 2>&1; then
			echo "$user"
			return
		fi
	done
	say_server 'PostgreSQL needs an unprivileged user'
	return 1
}
postgres_prefix() {
	local user=$1
	as_postgres=()
	if [ "$(id -u)" -eq 0 ]; then
		# A change of user clears the signal at the parent's death; so it is set once more.
		as_postgres=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups --pdeathsig TERM)
	fi
}

start_postgres() {
	local bin user dir=$servers_dir/postgres
	bin=$(postgres_bin) && user=$(postgres_user) || return 1
	postgres_prefix "$user"
	export PGHOST=$dir PGUSER=isekai PGDATABASE=isekai
	export DATABASE_URL="postgresql://isekai@localhost/isekai?host=$dir&schema=public"
	unset PGPORT PGSERVICE PGSSLMODE PGOPTIONS PGPASSFILE PGPASSWORD
	if [ ! -d "$dir" ]; then
		mkdir -m 700 "$dir"
		[ ${#as_postgres[@]} -eq 0 ] || chown "$user" "$dir"
		if ! (cd "$dir" && HOME=$dir ${as_postgres[@]+"${as_postgres[@]}"} "$bin/initdb" --pgdata="$dir/data" \
			--username=isekai --auth=trust --encoding=UTF8 --locale=C --no-sync) \
			>"$servers_dir/initdb.log" 2>&1; then
			say_server 'initdb failed:'
			tail -n 20 "$servers_dir/initdb.log" >&2
			return 1
		fi
	fi
	# fsync guards against a machine that loses power, not against a killed server: off is as safe here and much faster.
	start_server postgres ${as_postgres[@]+"${as_postgres[@]}"} "$bin/postgres" -D "$dir/data" \
		-c listen_addresses= -c unix_socket_directories="$dir" -c unix_socket_permissions=0700 \
		-c fsync=off -c full_page_writes=off -c max_connections=200 -c logging_collector=off \
		-c autovacuum_naptime=5s "$@"
	comes_up postgres 30 psql -qAtc 'SELECT 1' postgres || return 1
	if [ "$(psql -qAtc "SELECT 1 FROM pg_database WHERE datname = 'isekai'" postgres)" != 1 ]; then
		psql -qc 'CREATE DATABASE isekai' postgres &&
			psql -qv ON_ERROR_STOP=1 -f "$servers_root/scripts/demo/schema.sql"
	fi
}

# ---------------------------------------------------------------- Redis

# Keeps nothing on disk: started again, it is empty. Options override ours (--port 6399 for a TCP port too).
start_redis() {
	export REDIS_SOCKET=$servers_dir/redis.sock REDIS_URL=unix://$servers_dir/redis.sock
	if ! command -v redis-server >/dev/null; then
		say_server 'Redis is not installed; scripts/install-deps.sh installs it'
		return 1
	fi
	start_server redis redis-server --port 0 --bind 127.0.0.1 --unixsocket "$REDIS_SOCKET" --unixsocketperm 700 \
		--save '' --appendonly no --daemonize no --dir "$servers_dir" --maxmemory-policy noeviction "$@"
	comes_up redis 20 redis_answers
}
redis_answers() { [ "$(redis_do PING)" = PONG ]; }
redis_do() { redis-cli -s "$REDIS_SOCKET" "$@"; }

# ---------------------------------------------------------------- the sandbox

sandbox_client_id=12345
sandbox_client_secret=sandbox-application-secret
sandbox_s3_key=sandbox-storage-key
sandbox_s3_secret=sandbox-storage-secret
sandbox_bucket=isekai

start_sandbox() {
	local program=${SANDBOX:-$servers_root/build/deviantart-sandbox}
	mkdir -p "$servers_dir/objects/$sandbox_bucket"
	rm -f "$servers_dir/sandbox.port" "$servers_dir/s3.port"
	sandbox_ledger=$servers_dir/ledger.jsonl
	start_server sandbox "$program" --quiet --port-file "$servers_dir/sandbox.port" --client-id "$sandbox_client_id" \
		--client-secret "$sandbox_client_secret" --s3-root "$servers_dir/objects" --s3-port-file "$servers_dir/s3.port" \
		--s3-access-key "$sandbox_s3_key" --s3-secret-key "$sandbox_s3_secret" --ledger-file "$sandbox_ledger" "$@"
	comes_up sandbox 20 sandbox_serves || return 1
	export SANDBOX_URL S3_URL
	SANDBOX_URL=http://127.0.0.1:$(cat "$servers_dir/sandbox.port")
	S3_URL=http://127.0.0.1:$(cat "$servers_dir/s3.port")
}
sandbox_serves() { [ -s "$servers_dir/sandbox.port" ] && [ -s "$servers_dir/s3.port" ]; }

# sandbox_get PATH: the control interface. sandbox_post PATH: the JSON is read from standard input.
sandbox_get() { curl -sS --fail-with-body --max-time 10 "$SANDBOX_URL/_sandbox/$1"; }
sandbox_post() { curl -sS --fail-with-body --max-time 10 --data-binary @- "$SANDBOX_URL/_sandbox/$1"; }

# ---------------------------------------------------------------- the publisher

servers_settings() {
	cat <<-END
		DATABASE_URL=$DATABASE_URL
		REDIS_URL=$REDIS_URL
		DEVIANTART_BASE_URL=$SANDBOX_URL
		DEVIANTART_CLIENT_ID=$sandbox_client_id
		DEVIANTART_CLIENT_SECRET=$sandbox_client_secret
		S3_ENDPOINT=$S3_URL
		S3_REGION=auto
		S3_ACCESS_KEY_ID=$sandbox_s3_key
		S3_SECRET_ACCESS_KEY=$sandbox_s3_secret
		S3_BUCKET_NAME=$sandbox_bucket
		S3_FORCE_PATH_STYLE=true
		HEALTH_CHECK_HOST=127.0.0.1
	END
}

# A loopback port that nobody listens on now. Below the range from which the kernel takes ports for clients.
free_port() {
	local port try
	for try in $(seq 200); do
		port=$((12000 + (RANDOM + try) % 20000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
	return 1
}

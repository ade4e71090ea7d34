#!/usr/bin/env bash
# The whole thing on this machine: 60 deviations of 6 artists go from storage over the queue to a sandbox that stands in for
# DeviantArt. Things fail on the way, a worker is killed half way, and in the end the sandbox's ledger is compared with what had to
# come out. Exit status 0 only if all is as it should be.
#
#   make demo                 installs what is missing, builds, runs this
#   scripts/demo.sh           runs it, after the build
#
# Everything lives in one temporary directory, on unix sockets and free loopback ports, and is gone afterwards. PUBLISHER and
# SANDBOX name other programs than those in build/.
# shellcheck disable=SC2119 # the servers' functions take arguments of their own
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/support/servers.sh source=scripts/demo/progress.sh
. tests/support/servers.sh
. scripts/demo/progress.sh

publisher=${PUBLISHER:-build/isekai-publisher}
ok=true
in_time=t

sql() { psql -qX -P pager=off -v ON_ERROR_STOP=1 "$@"; }
value() { psql -qXAt -P pager=off -v ON_ERROR_STOP=1 "$@"; }

# judge RESULT WHAT [FOUND]: RESULT is t or f.
judge() {
	if [ "$1" = t ]; then
		printf '  ok    %s\n' "$2"
	else
		printf '  WRONG %s\n' "$2${3:+: $3}"
		ok=false
	fi
}
# expect WHAT COMMAND...: the command must succeed.
expect() {
	local what=$1
	shift
	if "$@"; then judge t "$what"; else judge f "$what"; fi
}

# After a failure, not after Ctrl-C and the like.
servers_goodbye() {
	[ "$1" -gt 0 ] && [ "$1" -lt 128 ] && [ -s "$servers_dir/publisher.log" ] || return 0
	say ''
	say 'The last lines of the publisher:'
	tail -q -n 15 "$servers_dir/publisher.log" "$servers_dir/publisher.err" | cut -c 1-400
}

prepare() {
	value -f scripts/demo/plan.sql
	value -F $'\t' -c 'SELECT key, format, width, height FROM demo.pictures ORDER BY key' |
		scripts/demo/pictures.sh "$servers_dir/objects/$sandbox_bucket" >"$servers_dir/pictures.tsv"
	sql -f scripts/demo/cast.sql <"$servers_dir/pictures.tsv"
	value -f scripts/demo/logins.sql | sandbox_post users >/dev/null
	value -f scripts/demo/faults.sql | sandbox_post faults >/dev/null
	# Requests take a moment, as they do out there.
	echo '{"latency_ms": 60}' | sandbox_post settings >/dev/null
	say "Made $(value -c "SELECT count(*) || ' pictures of ' || min(size_bytes) / 1000 || ' to ' || max(size_bytes) / 1000 || ' KB, '
		|| sum(size_bytes)::bigint / 1000000 || ' MB in all' FROM demo.pictures"), for these artists:"
	value -F '  ' -c "SELECT '  ' || rpad(name, 5) || about FROM demo.artists ORDER BY number"
}

configure() {
	mapfile -t settings < <(servers_settings)
	settings+=(PATH="$PATH" LOG_LEVEL=debug PUBLISHER_CONCURRENCY=4 RATE_LIMITER_BASE_DELAY_MS=200
		PUBLISHER_UNKNOWN_WAIT_MS=2000 CIRCUIT_BREAKER_OPEN_DURATION_MS=3000)
}

enqueue() {
	local ids
	mapfile -t ids < <(value -c 'SELECT id FROM demo.plan ORDER BY mode, artist')
	env -i "${settings[@]}" "$publisher" enqueue "${ids[@]}" >"$servers_dir/enqueue.log"
	count_jobs
	say "Put ${#ids[@]} deviations in the queue; $deferred_count of them are due later."
}

is_ready() { curl -sf --max-time 2 -o "$servers_dir/ready.json" "http://127.0.0.1:$health_port/ready"; }

# The port may be taken between the look and the start; then the publisher says so and another is tried.
start_publisher() {
	local try
	for try in 1 2 3; do
		health_port=$(free_port)
		start_server publisher env -i "${settings[@]}" HEALTH_CHECK_PORT="$health_port" "$publisher"
		publisher_pid=${server_pids[publisher]}
		if comes_up publisher 20 is_ready; then
			say "The publisher is ready, with 4 workers (process $publisher_pid, http://127.0.0.1:$health_port/metrics)."
			return
		fi
		stop_server publisher KILL
	done
	return 1
}

# counter NAME: from /metrics, summed over its labels.
counter() {
	awk -v name="$1" '$1 == name || index($1, name "{") == 1 { sum += $2 } END { print sum + 0 }' "$servers_dir/metrics"
}
has_counted() { [ "$(counter "$1")" -gt 0 ]; }

collect_facts() {
	local ids
	curl -sS --fail --max-time 5 "http://127.0.0.1:$health_port/metrics" >"$servers_dir/metrics"
	mapfile -t ids < <(value -c 'SELECT id FROM demo.plan')
	sql -v faults="$(sandbox_get faults)" -f scripts/demo/facts.sql
	redis_do EVAL "$(<scripts/demo/jobs.lua)" 0 "$queue:" bull:storage-cleanup: "${ids[@]}" |
		sql -c '\copy demo.jobs FROM STDIN'
	# Lines of JSON: no quote and no delimiter that could be in them.
	sql -c "\\copy demo.ledger FROM STDIN (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')" <"$sandbox_ledger"
}

show_outcome() {
	sql -f scripts/demo/report.sql
	value -c "SELECT count(*) FILTER (WHERE status = 'published') || ' published, ' ||
			count(*) FILTER (WHERE status = 'failed') || ' failed, ' ||
			count(*) FILTER (WHERE status = 'draft') || ' back to draft; ' FROM deviations" | tr -d '\n'
	printf '%d posts, %d uploads (%d of them spare), %d outcomes looked into\n\n' "$(value -c 'SELECT count(*) FROM demo.posts')" \
		"$(value -c 'SELECT count(*) FROM demo.submits')" \
		"$(value -c 'SELECT count(*) - count(DISTINCT sha256) FROM demo.submits')" "$(counter publisher_reconciled_total)"
}

no_secret_in_log() {
	! value -c 'SELECT access_token FROM users UNION SELECT refresh_token FROM users UNION SELECT access FROM demo.artists
		UNION SELECT refresh FROM demo.artists' |
		cat - <(printf '%s\n' "$sandbox_client_secret" "$sandbox_s3_secret") |
		grep -qF -f - "$servers_dir/publisher.log" "$servers_dir/publisher.err"
}
no_lock_left() { [ -z "$(redis_do --scan --pattern "$queue:*:lock")" ]; }
drains() {
	stop_server publisher TERM 40
	[ "$server_status" -eq 0 ]
}
is_silent() { [ ! -s "$servers_dir/publisher.err" ]; }

check_outcome() {
	local result about found
	say 'Compared with the ledger:'
	value -f scripts/demo/checks.sql >"$servers_dir/checks.tsv"
	while IFS=$'\t' read -r result about found; do
		judge "$result" "$about" "$found"
	done <"$servers_dir/checks.tsv"
	judge "$in_time" 'every job came to its end in time, though a worker and the dispatcher were killed on the way'
	expect 'the killed worker was replaced' has_counted publisher_worker_restarts_total
	expect 'the killed dispatcher was replaced' has_counted publisher_dispatcher_restarts_total
	expect 'no lock is left in Redis' no_lock_left
	expect 'a drain ends the publisher with exit status 0' drains
	expect 'it wrote nothing to standard error' is_silent
	expect 'no token and no secret is in its log' no_secret_in_log
}

main() {
	say 'Starting PostgreSQL, Redis and the sandbox ...'
	servers_begin
	start_postgres
	start_redis
	start_sandbox
	prepare
	configure
	enqueue
	start_publisher
	watch_publisher 120 || in_time=f
	say ''
	collect_facts
	show_outcome
	check_outcome
	say ''
	if ! $ok; then
		say "NOT all is as it should be ($SECONDS s)."
		exit 1
	fi
	say "All is as it should be ($SECONDS s)."
}
main

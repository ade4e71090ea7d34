# shellcheck shell=bash
# The part of demo.sh that looks on while the publisher works: one line that moves on a terminal, plain lines elsewhere; and that
# kills a worker half way, and the dispatcher later. Sourced by demo.sh.

publisher_pid='' # set by demo.sh
queue=bull:deviation-publisher
total=60
done_count=0 failed_count=0 active_count=0 waiting_count=0 deferred_count=0 taken_back=0
next_line_at=0
killed_job='' killed_token='' killed_at=0
declare -A titles=()

interactive=false
[ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && interactive=true

# say TEXT: a line of its own, above the moving one.
say() {
	if $interactive; then printf '\r\033[K%s\n' "$*"; else printf '%s\n' "$*"; fi
}

now_ms() { printf '%s' "${EPOCHREALTIME/[.,]/}" | cut -c 1-13; }

# All counts in one look. A job that is nowhere any more was taken back: its deviation is a draft.
count_jobs() {
	local counts
	mapfile -t counts < <(redis_do EVAL "$(<scripts/demo/counts.lua)" 0 "$queue:")
	[ ${#counts[@]} -eq 5 ] || { say "Redis does not answer: ${counts[*]}"; return 1; }
	waiting_count=${counts[0]} active_count=${counts[1]} deferred_count=${counts[2]}
	done_count=${counts[3]} failed_count=${counts[4]}
	taken_back=$((total - waiting_count - active_count - deferred_count - done_count - failed_count))
}
settled_count() { echo $((done_count + failed_count + taken_back)); }

# Short enough for 80 columns: a line that wraps could not be written over.
show_progress() {
	local text bar filled
	text="$(printf '%2d done, %d active, %2d waiting, %2d deferred, %d failed, %d drafts' "$done_count" "$active_count" \
		"$waiting_count" "$deferred_count" "$failed_count" "$taken_back")"
	if $interactive; then
		filled=$(($(settled_count) * 8 / total))
		bar=$(printf '%*s' "$filled" '' | tr ' ' '#')
		printf '\r[%-8s] %s %ds\033[K' "$bar" "$text" "$SECONDS"
	elif [ "$SECONDS" -ge "$next_line_at" ] || [ "$(settled_count)" -eq "$total" ]; then
		printf '  %3ds  %s\n' "$SECONDS" "$text"
		next_line_at=$((SECONDS + 3))
	fi
}

children() { tr ' ' '\n' <"/proc/$1/task/$1/children"; }

# child_named TITLE: the process id of the publisher's child that has this title in `ps`.
child_named() {
	local child
	for child in $(children "$publisher_pid"); do
		if [ "$(tr -d '\0' <"/proc/$child/cmdline" 2>/dev/null)" = "isekai-publisher: $1" ]; then
			echo "$child"
			return
		fi
	done
	return 1
}

# read_titles: of the jobs whose worker may be killed. Spared is who tries a dead login: the next worker would have to present the
# same refresh token again; and who has a failed attempt to count: killed before that, it would not be counted.
read_titles() {
	local id title
	while IFS=$'\t' read -r id title; do
		titles[deviation-$id]=$title
	done < <(psql -qXAt -F $'\t' -c "SELECT plan.id, title FROM demo.plan JOIN demo.artists ON artist = number
		WHERE login <> 'dead' AND attempts = 1")
}

# job_in_hand SLOT: "JOB TOKEN" of the worker in that slot, or nothing. A job's lock names its worker: <instance>.<slot>.<generation>.
job_in_hand() {
	redis_do EVAL "for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
			local token = redis.call('GET', ARGV[1] .. id .. ':lock')
			if token and string.match(token, '%.(%d+)%.%d+\$') == ARGV[2] then return id .. ' ' .. token end
		end" 1 "$queue:active" "$queue:" "$1"
}

# kill_busy_worker: one that has a job, proven: it is stopped first, so that the job cannot end between the look and the kill.
kill_busy_worker() {
	local job token slot pid
	for slot in 1 2 3 4; do
		pid=$(child_named "worker $slot") || continue
		kill -s STOP "$pid" 2>/dev/null || continue
		read -r job token < <(job_in_hand "$slot") || true
		if [ -n "$job" ] && [ -n "${titles[$job]:-}" ]; then
			kill -s KILL "$pid"
			killed_job=$job killed_token=$token killed_at=$(now_ms)
			say "  half way: killed worker $slot (process $pid, kill -9), which had \"${titles[$job]}\" in hand"
			return 0
		fi
		kill -s CONT "$pid" 2>/dev/null || true
	done
	return 1
}

# The dead worker's lock is gone once its job is back in the queue.
see_killed_job() {
	[ -n "$killed_token" ] || return 0
	[ "$(redis_do GET "$queue:$killed_job:lock")" != "$killed_token" ] || return 0
	say "  its job was taken back within $(($(now_ms) - killed_at)) ms"
	killed_token=''
}

kill_dispatcher() {
	local pid
	pid=$(child_named dispatcher) || return 1
	kill -s KILL "$pid"
	say "  later: killed the dispatcher (process $pid, kill -9)"
}

# watch_publisher SECONDS: until every job has ended; false if the publisher dies, or takes longer than that.
watch_publisher() {
	local end=$((SECONDS + $1)) pause worker_killed=false dispatcher_killed=false
	read_titles
	while count_jobs; do
		pause=0.2
		show_progress
		see_killed_job
		[ "$(settled_count)" -lt "$total" ] || break
		if ! is_running "$publisher_pid"; then
			say 'The publisher has ended by itself.'
			return 1
		elif [ "$SECONDS" -ge "$end" ]; then
			say "Not done after $1 seconds."
			return 1
		elif ! $worker_killed && [ "$(settled_count)" -ge $((total / 2)) ]; then
			# A job takes a fraction of a second: look more often.
			if kill_busy_worker; then worker_killed=true; else pause=0.02; fi
		elif $worker_killed && ! $dispatcher_killed && [ "$(settled_count)" -ge $((total * 3 / 4)) ]; then
			! kill_dispatcher || dispatcher_killed=true
		fi
		sleep "$pause"
	done
	if $interactive; then printf '\n'; fi
	$worker_killed && $dispatcher_killed
}

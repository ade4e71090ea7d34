/*
 * scoreboard_read.c - reading the scoreboard.                          [every process]
 *
 * Invariant: what is written there is believed as little as what a stranger says. Texts come out
 * terminated and as valid UTF-8 without control characters, numbers within their range, and nothing
 * read is used as an index. A block that cannot be read in one piece counts as "nothing known".
 */
#include "common/scoreboard.h"

#include <limits.h>
#include <string.h>

#include "common/scoreboard_layout.h"
#include "common/seqlock.h"
#include "common/text.h"

/* ---- names ---- */

static const char *const activity_names[ACTIVITY_COUNT] = {
	[ACTIVITY_NONE] = "none",           [ACTIVITY_BOOT] = "boot",
	[ACTIVITY_IDLE] = "idle",           [ACTIVITY_LOADING] = "loading",
	[ACTIVITY_UPLOADING] = "uploading", [ACTIVITY_PUBLISHING] = "publishing",
	[ACTIVITY_RECORDING] = "recording", [ACTIVITY_DRAINING] = "draining",
	[ACTIVITY_RUNNING] = "running",
};

const char *
activity_name(enum activity activity)
{
	return activity < ACTIVITY_COUNT ? activity_names[activity] : "none";
}

static const char *const result_names[JOB_RESULT_COUNT] = {
	[JOB_COMPLETED] = "completed",
	[JOB_FAILED] = "failed",
	[JOB_RETRIED] = "retried",
	[JOB_DEFERRED] = "deferred",
};

const char *
job_result_name(enum job_result result)
{
	return result < JOB_RESULT_COUNT ? result_names[result] : "unknown";
}

static const char *const outcome_names[RECONCILE_OUTCOME_COUNT] = {
	[RECONCILED_PUBLISHED] = "published",
	[RECONCILED_PUBLISHED_NOW] = "published_now",
	[RECONCILED_NO_LINK] = "no_link",
	[RECONCILED_FAILED] = "failed",
};

const char *
reconcile_outcome_name(enum reconcile_outcome outcome)
{
	return outcome < RECONCILE_OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

static const char *const wait_names[WAIT_REASON_COUNT] = {
	[WAIT_NOT_DUE] = "not_due",
	[WAIT_LOCKED] = "locked",
	[WAIT_PACE] = "pace",
	[WAIT_ASKED] = "asked_to_wait",
	[WAIT_CIRCUIT] = "circuit",
	[WAIT_APPLICATION] = "application_circuit",
	[WAIT_REFUSED] = "rate_limit",
	[WAIT_DEVIANTART] = "deviantart_away",
	[WAIT_STORAGE] = "storage_away",
	[WAIT_SERVER] = "server_away",
	[WAIT_TOKEN] = "token",
	[WAIT_OPERATOR] = "operator",
	[WAIT_UNKNOWN] = "outcome_unknown",
	[WAIT_ATTEMPT] = "attempt_failed",
	[WAIT_LOST] = "lock_lost",
	[WAIT_STOPPED] = "stopped",
};

const char *
wait_reason_name(enum wait_reason reason)
{
	return reason < WAIT_REASON_COUNT ? wait_names[reason] : "unknown";
}

static const char *const queue_states[QUEUE_STATE_COUNT] = {
	[QUEUE_STATE_WAITING] = "waiting",
	[QUEUE_STATE_PAUSED] = "paused",
	[QUEUE_STATE_ACTIVE] = "active",
	[QUEUE_STATE_PRIORITIZED] = "prioritized",
	[QUEUE_STATE_DELAYED] = "delayed",
	[QUEUE_STATE_COMPLETED] = "completed",
	[QUEUE_STATE_FAILED] = "failed",
	[QUEUE_STATE_WAITING_CHILDREN] = "waiting-children", /* BullMQ spells it so */
};

const char *
queue_state_name(enum queue_state state)
{
	return state < QUEUE_STATE_COUNT ? queue_states[state] : "unknown";
}

static const char *const circuit_states[CIRCUIT_STATE_COUNT] = {
	[CIRCUIT_OPEN] = "open",
	[CIRCUIT_HALF_OPEN] = "half_open",
};

const char *
circuit_state_name(enum circuit_state state)
{
	return state < CIRCUIT_STATE_COUNT ? circuit_states[state] : "unknown";
}

/* ---- words ---- */

static uint64_t
get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static uint64_t
get_short(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static int64_t
get_time(const _Atomic int64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static int
bounded(uint64_t word, int highest)
{
	return word <= (uint64_t)highest ? (int)word : highest;
}

/* C0, DEL, and C1 (U+0080 to U+009F), which a terminal may obey too. */
static bool
is_control(const char *character)
{
	unsigned char first = (unsigned char)character[0];

	return first < 0x20 || first == 0x7F ||
	       (first == 0xC2 && (unsigned char)character[1] < 0xA0);
}

bool
scoreboard_text_from_words(char *out, size_t size, const uint64_t *words)
{
	bool clean = true;
	size_t step;

	memcpy(out, words, size);
	out[size - 1] = '\0';
	for (char *s = out; *s != '\0'; s += step) {
		step = text_utf8_size(s, strnlen(s, 4));
		if (step == 0 || is_control(s)) {
			*s = '?'; /* the second byte of a C1 control is alone now, and comes next */
			step = 1;
			clean = false;
		}
	}
	return clean;
}

/* ---- slots ---- */

/* Slots above were never assigned; looking at them would make their pages resident. */
int
scoreboard_slots_used(const struct scoreboard *board)
{
	int used = atomic_load_explicit(&board->slots_used, memory_order_acquire);

	return used < 0 ? 0 : used > SCOREBOARD_SLOTS ? SCOREBOARD_SLOTS : used;
}

static enum activity
activity_of(const struct scoreboard *board, int slot)
{
	uint8_t activity = atomic_load_explicit(&board->activity[slot], memory_order_acquire);

	return activity < ACTIVITY_COUNT ? (enum activity)activity : ACTIVITY_NONE;
}

uint64_t
scoreboard_generation(const struct scoreboard *board, int slot)
{
	if (slot < 0 || slot >= scoreboard_slots_used(board))
		return 0;
	return atomic_load_explicit(&board->slots[slot].generation, memory_order_acquire);
}

void
scoreboard_token(const struct scoreboard *board, int slot, char out[SCOREBOARD_TOKEN_SIZE])
{
	uint64_t words[TOKEN_WORDS];

	out[0] = '\0';
	if (slot >= 0 && slot < scoreboard_slots_used(board) &&
	    seqlock_read(&board->slots[slot].token_seq, board->slots[slot].token, words,
			 TOKEN_WORDS))
		scoreboard_text_from_words(out, SCOREBOARD_TOKEN_SIZE, words);
}

int
scoreboard_idle(const struct scoreboard *board, int slots)
{
	int used = scoreboard_slots_used(board);
	int idle = 0;

	if (slots > used)
		slots = used;
	for (int i = SCOREBOARD_DISPATCHER + 1; i < slots; i++)
		idle += atomic_load_explicit(&board->activity[i], memory_order_relaxed) ==
			ACTIVITY_IDLE;
	return idle;
}

bool
scoreboard_is_dispatcher_parked(const struct scoreboard *board)
{
	return atomic_load_explicit(&board->dispatcher_parked, memory_order_acquire) != 0;
}

/* ---- jobs and leases ---- */

/* When the dispatcher's renewal of that claim ends; 0 = not renewed, or nobody can tell. */
static int64_t
renewed_until(const struct scoreboard_slot *slot, uint64_t claim)
{
	uint64_t words[RENEWAL_WORDS];

	if (!seqlock_read(&slot->renewal_seq, slot->renewal, words, RENEWAL_WORDS) ||
	    words[RENEWAL_WORD_CLAIM] != claim)
		return 0;
	return (int64_t)words[RENEWAL_WORD_LEASE];
}

bool
scoreboard_job(const struct scoreboard *board, int slot, struct scoreboard_job *job,
	       int64_t *lease_end_ms)
{
	const struct scoreboard_slot *s;
	uint64_t words[JOB_WORDS];
	bool unchanged;

	if (slot < 0 || slot >= scoreboard_slots_used(board))
		return false;
	s = &board->slots[slot];
	if (get(&s->claim) == 0 || !seqlock_read(&s->job_seq, s->job, words, JOB_WORDS) ||
	    words[JOB_WORD_CLAIM] == 0)
		return false;
	unchanged = scoreboard_text_from_words(job->id, SCOREBOARD_ID_SIZE, &words[JOB_WORD_ID]);
	scoreboard_text_from_words(job->deviation_id, SCOREBOARD_ID_SIZE,
				   &words[JOB_WORD_DEVIATION]);
	scoreboard_text_from_words(job->title, SCOREBOARD_TITLE_SIZE, &words[JOB_WORD_TITLE]);
	scoreboard_text_from_words(job->user, SCOREBOARD_NAME_SIZE, &words[JOB_WORD_USER]);
	job->id_complete = unchanged && words[JOB_WORD_ID_COMPLETE] == 1;
	job->attempt = bounded(words[JOB_WORD_ATTEMPT], INT_MAX);
	job->started_ms = (int64_t)words[JOB_WORD_STARTED];
	job->deadline_ms = (int64_t)words[JOB_WORD_DEADLINE];
	job->claim = words[JOB_WORD_CLAIM];
	if (lease_end_ms != NULL) {
		int64_t renewed_ms = renewed_until(s, job->claim);
		int64_t own_ms = (int64_t)words[JOB_WORD_LEASE];

		*lease_end_ms = own_ms > renewed_ms ? own_ms : renewed_ms;
	}
	return true;
}

bool
scoreboard_locked_job(const struct scoreboard *board, int slot, struct scoreboard_job *job,
		      int64_t *lease_end_ms, char token[SCOREBOARD_TOKEN_SIZE])
{
	uint64_t generation = scoreboard_generation(board, slot);

	scoreboard_token(board, slot, token);
	return token[0] != '\0' && scoreboard_job(board, slot, job, lease_end_ms) &&
	       scoreboard_generation(board, slot) == generation;
}

int64_t
scoreboard_lease_end(const struct scoreboard *board, int slot, bool *lost)
{
	const struct scoreboard_slot *s;
	int64_t own_ms, renewed_ms;
	uint64_t claim;

	*lost = false;
	if (slot < 0 || slot >= scoreboard_slots_used(board))
		return 0;
	s = &board->slots[slot];
	claim = get(&s->claim);
	if (claim == 0)
		return 0;
	/* The caller is the only writer of these: no sequence needed. */
	own_ms = (int64_t)get(&s->job[JOB_WORD_LEASE]);
	renewed_ms = renewed_until(s, claim);
	*lost = get(&s->lost_claim) == claim;
	return own_ms > renewed_ms ? own_ms : renewed_ms;
}

/* ---- deaths ---- */

bool
scoreboard_death_next(const struct scoreboard *board, size_t *at, uint64_t *serial,
		      char token[SCOREBOARD_TOKEN_SIZE])
{
	size_t used = atomic_load_explicit(&board->deaths_used, memory_order_acquire);

	if (used > SCOREBOARD_DEATHS)
		used = SCOREBOARD_DEATHS;
	while (*at < used) {
		const struct scoreboard_death *death = &board->deaths[(*at)++];
		uint64_t found = atomic_load_explicit(&death->serial, memory_order_acquire);
		uint64_t words[TOKEN_WORDS];

		if (found == get(&death->confirmed))
			continue;
		/* Written before the serial, and not again until the caller has confirmed it. */
		for (size_t i = 0; i < TOKEN_WORDS; i++)
			words[i] = get(&death->token[i]);
		scoreboard_text_from_words(token, SCOREBOARD_TOKEN_SIZE, words);
		*serial = found;
		return true;
	}
	return false;
}

/* ---- reading it all ---- */

static void
read_pool(const struct scoreboard *board, struct scoreboard_pool *pool)
{
	uint64_t words[POOL_WORDS];

	if (!seqlock_read(&board->pool_seq, board->pool, words, POOL_WORDS))
		return;
	pool->phase = (enum pool_phase)bounded(words[POOL_WORD_PHASE], POOL_DRAINING);
	pool->concurrency = bounded(words[POOL_WORD_CONCURRENCY], SCOREBOARD_WORKERS_MAX);
	pool->workers_ready = bounded(words[POOL_WORD_READY], SCOREBOARD_SLOTS);
	pool->config_generation = words[POOL_WORD_CONFIG];
	pool->shows_details = words[POOL_WORD_SHOWS_DETAILS] == 1;
	pool->worker_restarts = words[POOL_WORD_WORKER_RESTARTS];
	pool->dispatcher_restarts = words[POOL_WORD_DISPATCHER_RESTARTS];
	pool->workers_killed = words[POOL_WORD_KILLED];
	pool->reloads = words[POOL_WORD_RELOADS];
	pool->reloads_refused = words[POOL_WORD_REFUSED];
	pool->started_wall_ms = (int64_t)words[POOL_WORD_STARTED_WALL];
	pool->started_mono_ms = (int64_t)words[POOL_WORD_STARTED_MONO];
}

static void
read_queue(const struct scoreboard *board, struct scoreboard_view *view)
{
	uint64_t queue[QUEUE_WORDS], circuits[CIRCUIT_WORDS];

	if (seqlock_read(&board->queue_seq, board->queue, queue, QUEUE_WORDS)) {
		view->queue_counted_ms = (int64_t)queue[QUEUE_WORD_COUNTED];
		view->queue_paused = queue[QUEUE_WORD_PAUSED] != 0;
		view->oldest_due_wall_ms = (int64_t)queue[QUEUE_WORD_OLDEST_DUE];
		for (size_t i = 0; i < QUEUE_STATE_COUNT; i++)
			view->queue[i] = (int64_t)queue[QUEUE_WORD_STATES + i];
	}
	if (seqlock_read(&board->circuits_seq, board->circuits, circuits, CIRCUIT_WORDS)) {
		view->circuits_counted_ms = (int64_t)circuits[CIRCUIT_WORD_COUNTED];
		view->application_until_wall_ms = (int64_t)circuits[CIRCUIT_WORD_APPLICATION];
		for (size_t i = 0; i < CIRCUIT_STATE_COUNT; i++)
			view->circuits[i] = (int64_t)circuits[CIRCUIT_WORD_STATES + i];
	}
}

static void
read_dependencies(const struct scoreboard *board, struct scoreboard_view *view)
{
	uint64_t words[DEPENDENCY_WORDS];

	for (size_t i = 0; i < DEPENDENCY_COUNT; i++) {
		int64_t checked_ms = atomic_load_explicit(&board->dependencies[i].checked_ms,
							  memory_order_acquire);

		if (checked_ms == 0 ||
		    !seqlock_read(&board->dependencies[i].seq, board->dependencies[i].words, words,
				  DEPENDENCY_WORDS))
			continue;
		view->dependencies[i].checked_ms = checked_ms;
		view->dependencies[i].up = words[DEPENDENCY_WORD_UP] == 1;
		view->dependencies[i].since_ms = (int64_t)words[DEPENDENCY_WORD_SINCE];
		scoreboard_text_from_words(view->dependencies[i].reason, SCOREBOARD_TEXT_SIZE,
					   &words[DEPENDENCY_WORD_REASON]);
	}
}

static void
add_timings(const struct scoreboard_slot *slot, struct scoreboard_view *view)
{
	for (size_t timing = 0; timing < TIMING_COUNT; timing++) {
		for (size_t i = 0; i <= SCOREBOARD_BUCKETS; i++) {
			uint64_t n = get_short(&slot->timings[timing].buckets[i]);

			view->timings[timing].buckets[i] += n;
			view->timings[timing].count += n;
		}
		view->timings[timing].sum_s += (double)get(&slot->timings[timing].sum_ms) / 1000.0;
	}
}

/* A worker's; the dispatcher has none of these activities. */
static void
add_time(const struct scoreboard_slot *slot, struct scoreboard_view *view)
{
	for (size_t i = 0; i < ACTIVITY_COUNT; i++)
		view->spent_s[i] += (double)get(&slot->spent_ms[i]) / 1000.0;
}

static void
add_counters(const struct scoreboard_slot *slot, struct scoreboard_view *view)
{
	for (size_t i = 0; i < JOB_RESULT_COUNT; i++)
		view->jobs[i] += get(&slot->jobs[i]);
	for (size_t i = 0; i < FAILURE_CATEGORY_COUNT; i++)
		view->errors[i] += get(&slot->errors[i]);
	for (size_t i = 0; i < RECONCILE_OUTCOME_COUNT; i++)
		view->reconciled[i] += get(&slot->reconciled[i]);
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		view->counters[i] += get(&slot->counters[i]);
	for (size_t i = 0; i < WAIT_REASON_COUNT; i++) {
		view->waits[i].count += get_short(&slot->waits[i]);
		view->waits[i].sum_s += (double)get(&slot->waited_ms[i]) / 1000.0;
	}
	add_timings(slot, view);
	view->active_jobs += get(&slot->claim) != 0;
}

/* The latest fault of a kind, unless somebody has seen since that there is none. True: *since_ms
 * and reason are set. */
static bool
find_fault(const struct scoreboard *board, int used, int kind, int64_t *since_ms,
	   char reason[SCOREBOARD_TEXT_SIZE])
{
	int64_t latest_ms = 0, cleared_ms = 0;

	for (int i = 0; i < used; i++) {
		const struct scoreboard_slot *slot = &board->slots[i];
		int64_t cleared = get_time(&slot->faults[kind].cleared_ms);
		uint64_t words[FAULT_WORDS];

		if (cleared > cleared_ms)
			cleared_ms = cleared;
		if (!seqlock_read(&slot->faults[kind].seq, slot->faults[kind].words, words,
				  FAULT_WORDS) ||
		    words[FAULT_WORD_REASON] == 0 || (int64_t)words[FAULT_WORD_SINCE] < latest_ms)
			continue;
		latest_ms = (int64_t)words[FAULT_WORD_SINCE];
		scoreboard_text_from_words(reason, SCOREBOARD_TEXT_SIZE, &words[FAULT_WORD_REASON]);
	}
	*since_ms = latest_ms;
	return latest_ms > 0 && latest_ms >= cleared_ms;
}

static void
read_faults(const struct scoreboard *board, int used, struct scoreboard_view *view)
{
	int64_t latest_ms = 0, since_ms;
	char reason[SCOREBOARD_TEXT_SIZE];

	for (int kind = 0; kind < OPERATOR_FAULT_COUNT; kind++) {
		if (!find_fault(board, used, kind, &since_ms, reason) || since_ms < latest_ms)
			continue;
		latest_ms = since_ms;
		memcpy(view->operator_fault, reason, sizeof(reason));
	}
}

void
scoreboard_read(const struct scoreboard *board, struct scoreboard_view *view)
{
	int used = scoreboard_slots_used(board);

	memset(view, 0, sizeof(*view));
	read_pool(board, &view->pool);
	read_queue(board, view);
	for (int i = 0; i < used; i++)
		add_counters(&board->slots[i], view);
	for (int i = SCOREBOARD_DISPATCHER + 1; i < used; i++)
		add_time(&board->slots[i], view);
	read_faults(board, used, view);
	if (used > SCOREBOARD_DISPATCHER) {
		const struct scoreboard_slot *dispatcher = &board->slots[SCOREBOARD_DISPATCHER];

		read_dependencies(board, view);
		view->dispatcher_heartbeat_ms = get_time(&dispatcher->heartbeat_ms);
		view->dispatcher_up = activity_of(board, SCOREBOARD_DISPATCHER) != ACTIVITY_NONE;
	}
}

bool
scoreboard_read_slot(const struct scoreboard *board, int slot, struct scoreboard_slot_view *view)
{
	uint64_t generation = scoreboard_generation(board, slot);
	const struct scoreboard_slot *s;

	if (generation == 0)
		return false;
	s = &board->slots[slot];
	if (atomic_load_explicit(&s->occupied, memory_order_relaxed) == 0)
		return false;
	memset(view, 0, sizeof(*view));
	view->slot = slot;
	view->generation = generation;
	view->activity = activity_of(board, slot);
	view->activity_since_ms = get_time(&s->activity_since_ms);
	view->heartbeat_ms = get_time(&s->heartbeat_ms);
	if (view->heartbeat_ms < get_time(&s->assigned_ms))
		view->heartbeat_ms = 0; /* its predecessor's */
	view->has_job = scoreboard_job(board, slot, &view->job, NULL);
	return true;
}

void
scoreboard_activities(const struct scoreboard *board, int counts[ACTIVITY_COUNT])
{
	int used = scoreboard_slots_used(board);

	memset(counts, 0, ACTIVITY_COUNT * sizeof(*counts));
	for (int i = SCOREBOARD_DISPATCHER + 1; i < used; i++) {
		enum activity activity = activity_of(board, i);

		if (activity != ACTIVITY_NONE)
			counts[activity]++;
		else if (atomic_load_explicit(&board->slots[i].occupied, memory_order_relaxed) != 0)
			counts[ACTIVITY_BOOT]++;
	}
}

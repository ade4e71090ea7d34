/*
 * scoreboard_report.c - counters, the world outside, queue and pool.   [every process]
 *
 * Invariant: counters only go up, and stay when the process in the slot changes.
 */
#include "common/scoreboard.h"

#include "common/clock.h"
#include "common/scoreboard_layout.h"
#include "common/seqlock.h"

/* Of a post's lateness hours and days tell something, too: a gate may hold it back that long. */
#define STEP_BOUNDS                                                                                \
	{                                                                                          \
		50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000, 300000, 600000,  \
			1500000                                                                    \
	}
const int64_t scoreboard_bucket_ms[TIMING_COUNT][SCOREBOARD_BUCKETS] = {
	[TIMING_JOB] = STEP_BOUNDS,
	[TIMING_UPLOAD] = STEP_BOUNDS,
	[TIMING_PUBLISH] = STEP_BOUNDS,
	[TIMING_LATENESS] = {500, 1000, 2000, 5000, 10000, 30000, 60000, 120000, 300000, 900000,
			     3600000, 21600000, 86400000, 604800000},
};

static void
add(_Atomic uint64_t *word, uint64_t n)
{
	atomic_fetch_add_explicit(word, n, memory_order_relaxed);
}

static void
add_one(_Atomic uint32_t *word)
{
	atomic_fetch_add_explicit(word, 1, memory_order_relaxed);
}

/* ---- counters ---- */

void
scoreboard_count(struct scoreboard *board, int slot, enum counter counter, uint64_t n)
{
	if (scoreboard_has(slot) && counter < COUNTER_COUNT)
		add(&board->slots[slot].counters[counter], n);
}

void
scoreboard_time(struct scoreboard *board, int slot, enum timing timing, int64_t duration_ms)
{
	size_t bucket = 0;

	if (!scoreboard_has(slot) || timing >= TIMING_COUNT)
		return;
	if (duration_ms < 0)
		duration_ms = 0;
	while (bucket < SCOREBOARD_BUCKETS && duration_ms > scoreboard_bucket_ms[timing][bucket])
		bucket++;
	add(&board->slots[slot].timings[timing].sum_ms, (uint64_t)duration_ms);
	add_one(&board->slots[slot].timings[timing].buckets[bucket]);
}

void
scoreboard_count_job(struct scoreboard *board, int slot, enum job_result result,
		     int64_t duration_ms)
{
	if (!scoreboard_has(slot) || result >= JOB_RESULT_COUNT)
		return;
	add(&board->slots[slot].jobs[result], 1);
	/* A deferred one was only looked at; its milliseconds would hide what a job takes. */
	if (result != JOB_DEFERRED)
		scoreboard_time(board, slot, TIMING_JOB, duration_ms);
}

void
scoreboard_count_wait(struct scoreboard *board, int slot, enum wait_reason reason, int64_t delay_ms)
{
	if (!scoreboard_has(slot) || reason >= WAIT_REASON_COUNT)
		return;
	add_one(&board->slots[slot].waits[reason]);
	add(&board->slots[slot].waited_ms[reason], delay_ms > 0 ? (uint64_t)delay_ms : 0);
}

void
scoreboard_count_error(struct scoreboard *board, int slot, enum failure_category category)
{
	if (scoreboard_has(slot) && category > FAILURE_NONE && category < FAILURE_CATEGORY_COUNT)
		add(&board->slots[slot].errors[category], 1);
}

void
scoreboard_count_reconciled(struct scoreboard *board, int slot, enum reconcile_outcome outcome)
{
	if (scoreboard_has(slot) && outcome < RECONCILE_OUTCOME_COUNT)
		add(&board->slots[slot].reconciled[outcome], 1);
}

/* ---- the world outside ---- */

/* Only for the writer itself, who alone changes the words: needs no sequence. */
static bool
words_equal(const _Atomic uint64_t *shared, const uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (atomic_load_explicit(&shared[i], memory_order_relaxed) != words[i])
			return false;
	return true;
}

void
scoreboard_dependency(struct scoreboard *board, enum dependency dependency, bool up,
		      const char *reason)
{
	uint64_t words[DEPENDENCY_WORDS];
	int64_t now_ms = clock_mono_ms();
	_Atomic uint64_t *shared, *seq;
	uint64_t was_up;

	if (dependency >= DEPENDENCY_COUNT)
		return;
	shared = board->dependencies[dependency].words;
	seq = &board->dependencies[dependency].seq;
	was_up = atomic_load_explicit(&shared[DEPENDENCY_WORD_UP], memory_order_relaxed);
	words[DEPENDENCY_WORD_UP] = up;
	words[DEPENDENCY_WORD_SINCE] =
		atomic_load_explicit(&shared[DEPENDENCY_WORD_SINCE], memory_order_relaxed);
	if (was_up != up || words[DEPENDENCY_WORD_SINCE] == 0)
		words[DEPENDENCY_WORD_SINCE] = (uint64_t)now_ms;
	scoreboard_words_from_text(&words[DEPENDENCY_WORD_REASON], TEXT_WORDS, up ? NULL : reason);

	if ((atomic_load_explicit(seq, memory_order_relaxed) & 1) != 0 ||
	    !words_equal(shared, words, DEPENDENCY_WORDS))
		seqlock_write(seq, shared, words, DEPENDENCY_WORDS);
	/* After the words: "never looked" must not turn into "away" for a moment. */
	atomic_store_explicit(&board->dependencies[dependency].checked_ms, now_ms,
			      memory_order_release);
}

void
scoreboard_operator_fault(struct scoreboard *board, int slot, enum operator_fault kind,
			  const char *reason)
{
	uint64_t words[FAULT_WORDS];

	if (!scoreboard_has(slot) || kind >= OPERATOR_FAULT_COUNT)
		return;
	if (reason == NULL || reason[0] == '\0') {
		scoreboard_put_time(&board->slots[slot].faults[kind].cleared_ms, clock_mono_ms());
		scoreboard_clear_fault(&board->slots[slot], kind);
		return;
	}
	words[FAULT_WORD_SINCE] = (uint64_t)clock_mono_ms();
	scoreboard_words_from_text(&words[FAULT_WORD_REASON], TEXT_WORDS, reason);
	seqlock_write(&board->slots[slot].faults[kind].seq, board->slots[slot].faults[kind].words,
		      words, FAULT_WORDS);
}

/* ---- the queue and the pool ---- */

void
scoreboard_queue(struct scoreboard *board, const int64_t counts[QUEUE_STATE_COUNT],
		 bool queue_paused, int64_t oldest_due_wall_ms)
{
	uint64_t words[QUEUE_WORDS];

	words[QUEUE_WORD_COUNTED] = (uint64_t)clock_mono_ms();
	words[QUEUE_WORD_PAUSED] = queue_paused;
	words[QUEUE_WORD_OLDEST_DUE] = (uint64_t)oldest_due_wall_ms;
	for (size_t i = 0; i < QUEUE_STATE_COUNT; i++)
		words[QUEUE_WORD_STATES + i] = (uint64_t)counts[i];
	seqlock_write(&board->queue_seq, board->queue, words, QUEUE_WORDS);
}

void
scoreboard_circuits(struct scoreboard *board, const int64_t counts[CIRCUIT_STATE_COUNT],
		    int64_t application_until_wall_ms)
{
	uint64_t words[CIRCUIT_WORDS];

	words[CIRCUIT_WORD_COUNTED] = (uint64_t)clock_mono_ms();
	words[CIRCUIT_WORD_APPLICATION] = (uint64_t)application_until_wall_ms;
	for (size_t i = 0; i < CIRCUIT_STATE_COUNT; i++)
		words[CIRCUIT_WORD_STATES + i] = (uint64_t)counts[i];
	seqlock_write(&board->circuits_seq, board->circuits, words, CIRCUIT_WORDS);
}

void
scoreboard_pool_set(struct scoreboard *board, const struct scoreboard_pool *pool)
{
	uint64_t words[POOL_WORDS] = {
		[POOL_WORD_PHASE] = (uint64_t)pool->phase,
		[POOL_WORD_CONCURRENCY] = (uint64_t)pool->concurrency,
		[POOL_WORD_READY] = (uint64_t)pool->workers_ready,
		[POOL_WORD_CONFIG] = pool->config_generation,
		[POOL_WORD_WORKER_RESTARTS] = pool->worker_restarts,
		[POOL_WORD_DISPATCHER_RESTARTS] = pool->dispatcher_restarts,
		[POOL_WORD_KILLED] = pool->workers_killed,
		[POOL_WORD_RELOADS] = pool->reloads,
		[POOL_WORD_REFUSED] = pool->reloads_refused,
		[POOL_WORD_STARTED_WALL] = (uint64_t)pool->started_wall_ms,
		[POOL_WORD_STARTED_MONO] = (uint64_t)pool->started_mono_ms,
		[POOL_WORD_SHOWS_DETAILS] = pool->shows_details,
	};

	seqlock_write(&board->pool_seq, board->pool, words, POOL_WORDS);
}

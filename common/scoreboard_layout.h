#ifndef COMMON_SCOREBOARD_LAYOUT_H
#define COMMON_SCOREBOARD_LAYOUT_H
/*
 * scoreboard_layout.h - how the scoreboard lies in memory.             [every process]
 *
 * Private to scoreboard*.c. Who writes what is said at every member; nothing has two writers at a
 * time. The mapping is never cleared: the kernel hands it out as zeroes, zero means "nothing"
 * everywhere, and a page that nobody touched costs nothing. (Even a read would make such a page
 * resident, shmem being what it is; hence the two high-water marks.)
 */
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/scoreboard.h"
#include "common/scoreboard_failures.h"

#define SCOREBOARD_LINE 64
#define SCOREBOARD_PAGE 4096

#define TOKEN_WORDS (SCOREBOARD_TOKEN_SIZE / 8)
#define ID_WORDS    (SCOREBOARD_ID_SIZE / 8)
#define TEXT_WORDS  (SCOREBOARD_TEXT_SIZE / 8)
#define TITLE_WORDS (SCOREBOARD_TITLE_SIZE / 8)
#define USER_WORDS  (SCOREBOARD_NAME_SIZE / 8)
_Static_assert(SCOREBOARD_TOKEN_SIZE % 8 == 0 && SCOREBOARD_ID_SIZE % 8 == 0 &&
		       SCOREBOARD_TEXT_SIZE % 8 == 0 && SCOREBOARD_TITLE_SIZE % 8 == 0 &&
		       SCOREBOARD_NAME_SIZE % 8 == 0,
	       "texts are made of whole words");

/* Words of the job in hand. */
enum {
	JOB_WORD_CLAIM, /* 0 = no job */
	JOB_WORD_ATTEMPT,
	JOB_WORD_STARTED,
	JOB_WORD_DEADLINE,
	JOB_WORD_LEASE, /* as the worker itself took or renewed it */
	JOB_WORD_ID_COMPLETE,
	JOB_WORD_ID,
	JOB_WORD_DEVIATION = JOB_WORD_ID + ID_WORDS,
	JOB_WORD_TITLE = JOB_WORD_DEVIATION + ID_WORDS,
	JOB_WORD_USER = JOB_WORD_TITLE + TITLE_WORDS,
	JOB_WORDS = JOB_WORD_USER + USER_WORDS
};

enum { RENEWAL_WORD_CLAIM, RENEWAL_WORD_LEASE, RENEWAL_WORDS };

enum {
	DEPENDENCY_WORD_UP,
	DEPENDENCY_WORD_SINCE,
	DEPENDENCY_WORD_REASON,
	DEPENDENCY_WORDS = DEPENDENCY_WORD_REASON + TEXT_WORDS
};

enum { FAULT_WORD_SINCE, FAULT_WORD_REASON, FAULT_WORDS = FAULT_WORD_REASON + TEXT_WORDS };

enum {
	POOL_WORD_PHASE,
	POOL_WORD_CONCURRENCY,
	POOL_WORD_READY,
	POOL_WORD_CONFIG,
	POOL_WORD_WORKER_RESTARTS,
	POOL_WORD_DISPATCHER_RESTARTS,
	POOL_WORD_KILLED,
	POOL_WORD_RELOADS,
	POOL_WORD_REFUSED,
	POOL_WORD_STARTED_WALL,
	POOL_WORD_STARTED_MONO,
	POOL_WORD_SHOWS_DETAILS,
	POOL_WORDS
};

enum { QUEUE_WORD_COUNTED, QUEUE_WORD_PAUSED, QUEUE_WORD_OLDEST_DUE, QUEUE_WORD_STATES };
#define QUEUE_WORDS (QUEUE_WORD_STATES + QUEUE_STATE_COUNT)

enum { CIRCUIT_WORD_COUNTED, CIRCUIT_WORD_APPLICATION, CIRCUIT_WORD_STATES };
#define CIRCUIT_WORDS (CIRCUIT_WORD_STATES + CIRCUIT_STATE_COUNT)

/* Who is held back (scoreboard_held.h): a total and a count a kind, then the users. */
#define SCOREBOARD_HELD_KINDS 3
#define SCOREBOARD_HELD_USERS (SCOREBOARD_HELD_KINDS * 8)
#define HELD_USER_ID_WORDS    8
enum {
	HELD_USER_UNTIL,
	HELD_USER_POSTS,
	HELD_USER_ID,
	HELD_USER_WORDS = HELD_USER_ID + HELD_USER_ID_WORDS
};
enum {
	HELD_WORD_COUNTED,
	HELD_WORD_APPLICATION,
	HELD_WORD_LIMITED,
	HELD_WORD_FULL,
	HELD_WORD_TOTALS,
	HELD_WORD_USERS = HELD_WORD_TOTALS + 2 * SCOREBOARD_HELD_KINDS,
	HELD_WORDS = HELD_WORD_USERS + SCOREBOARD_HELD_USERS * HELD_USER_WORDS
};

/* Words of a failure that is told (scoreboard_failures.h). */
enum {
	TOLD_WORD_NUMBER, /* mod SCOREBOARD_FAILURES = index; 0 = nothing was told here */
	TOLD_WORD_AT,
	TOLD_WORD_CATEGORY,
	TOLD_WORD_ATTEMPT,
	TOLD_WORD_MAX_ATTEMPTS,
	TOLD_WORD_WAIT,
	TOLD_WORD_ID,
	TOLD_WORD_DEVIATION = TOLD_WORD_ID + ID_WORDS,
	TOLD_WORD_TITLE = TOLD_WORD_DEVIATION + ID_WORDS,
	TOLD_WORD_USER = TOLD_WORD_TITLE + TITLE_WORDS,
	TOLD_WORD_REASON = TOLD_WORD_USER + USER_WORDS,
	TOLD_WORD_SUM = TOLD_WORD_REASON + TEXT_WORDS, /* of all words before it */
	TOLD_WORDS
};

struct scoreboard_slot {
	/* The supervisor, while nobody lives in the slot. */
	alignas(SCOREBOARD_LINE) _Atomic uint64_t generation;
	_Atomic int64_t assigned_ms;
	_Atomic uint8_t occupied;
	_Atomic uint64_t token_seq, token[TOKEN_WORDS];

	/* From here on the process of the slot. */
	alignas(SCOREBOARD_LINE) _Atomic int64_t heartbeat_ms, activity_since_ms;
	_Atomic int64_t spent_until_ms; /* what came before is in `spent_ms` */
	_Atomic uint64_t claim;       /* the job in hand; 0 = none: job[0] to be had in one load */
	_Atomic uint64_t claims_made; /* never goes back, so no two claims of a slot are alike */

	alignas(SCOREBOARD_LINE) _Atomic uint64_t job_seq;
	_Atomic uint64_t job[JOB_WORDS];

	alignas(SCOREBOARD_LINE) _Atomic uint64_t jobs[JOB_RESULT_COUNT];
	_Atomic uint64_t errors[FAILURE_CATEGORY_COUNT];
	_Atomic uint64_t reconciled[RECONCILE_OUTCOME_COUNT];
	_Atomic uint64_t counters[COUNTER_COUNT];
	/* 32 bits: no slot has so many ends of jobs in its life, ten a second for 13 years. */
	_Atomic uint32_t waits[WAIT_REASON_COUNT];
	_Atomic uint64_t waited_ms[WAIT_REASON_COUNT];
	_Atomic uint64_t
		spent_ms[ACTIVITY_COUNT]; /* the last bit of a dead one's: the supervisor */
	struct {
		_Atomic uint32_t buckets[SCOREBOARD_BUCKETS + 1];
		_Atomic uint64_t sum_ms;
	} timings[TIMING_COUNT];

	struct {
		alignas(SCOREBOARD_LINE) _Atomic int64_t cleared_ms;
		_Atomic uint64_t seq, words[FAULT_WORDS];
	} faults[OPERATOR_FAULT_COUNT];

	/* The dispatcher, whoever lives in the slot. */
	alignas(SCOREBOARD_LINE) _Atomic uint64_t renewal_seq;
	_Atomic uint64_t renewal[RENEWAL_WORDS];
	_Atomic uint64_t lost_claim;
};
_Static_assert(sizeof(struct scoreboard_slot) % SCOREBOARD_LINE == 0,
	       "slots must not share cache lines");

/* Unconfirmed while serial != confirmed. */
struct scoreboard_death {
	alignas(SCOREBOARD_LINE) _Atomic uint64_t
		serial; /* the supervisor; mod SCOREBOARD_DEATHS = index, and of what is left the
			   lowest bit = blames the job in hand */
	_Atomic uint64_t token[TOKEN_WORDS]; /* the supervisor */
	_Atomic uint64_t confirmed;          /* the dispatcher */
};
_Static_assert(sizeof(struct scoreboard_death) == 2 * SCOREBOARD_LINE, "a death is two lines");

struct scoreboard {
	/* The supervisor. */
	alignas(SCOREBOARD_PAGE) _Atomic int slots_used; /* one above the highest slot ever assigned
							  */
	_Atomic uint64_t deaths_recorded;
	_Atomic size_t deaths_used; /* one above the highest index in use */
	alignas(SCOREBOARD_LINE) _Atomic uint64_t pool_seq;
	_Atomic uint64_t pool[POOL_WORDS];

	/* The dispatcher. */
	alignas(SCOREBOARD_LINE) _Atomic uint64_t queue_seq;
	_Atomic uint64_t queue[QUEUE_WORDS];
	_Atomic uint64_t circuits_seq, circuits[CIRCUIT_WORDS];
	_Atomic uint64_t held_seq, held[HELD_WORDS];
	struct {
		alignas(SCOREBOARD_LINE) _Atomic int64_t checked_ms;
		_Atomic uint64_t seq, words[DEPENDENCY_WORDS];
	} dependencies[DEPENDENCY_COUNT];
	alignas(SCOREBOARD_LINE) _Atomic uint8_t dispatcher_parked;
	struct { /* scoreboard_pulse.h */
		_Atomic int64_t renewed_ms, asked_ms;
	} pulse[DEPENDENCY_COUNT];

	/* One byte a slot, by the slot's writers; side by side, so that the idle are counted in 17
	 * lines. */
	alignas(SCOREBOARD_LINE) _Atomic uint8_t activity[SCOREBOARD_SLOTS];

	/* All processes, as scoreboard_failures.c says. */
	alignas(SCOREBOARD_LINE) _Atomic uint64_t failures_told[FAILURE_OUTCOME_COUNT];

	alignas(SCOREBOARD_PAGE) struct scoreboard_slot slots[SCOREBOARD_SLOTS];
	alignas(SCOREBOARD_PAGE) struct scoreboard_death deaths[SCOREBOARD_DEATHS];
	alignas(SCOREBOARD_PAGE) _Atomic uint64_t
		failures[FAILURE_OUTCOME_COUNT][SCOREBOARD_FAILURES][TOLD_WORDS];
};
_Static_assert(ATOMIC_CHAR_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	       "shared atomics must be lock-free");
_Static_assert(ACTIVITY_COUNT <= UINT8_MAX, "an activity fits a byte");

static inline bool
scoreboard_has(int slot)
{
	return slot >= 0 && slot < SCOREBOARD_SLOTS;
}

static inline void
scoreboard_put(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline void
scoreboard_put_time(_Atomic int64_t *word, int64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/*
 * Text into n words, zero-padded and always terminated; NULL counts as empty. What is too long is
 * cut before a UTF-8 character rather than within one. Returns whether all of it fitted.
 */
bool scoreboard_words_from_text(uint64_t *words, size_t n, const char *text);
/*
 * Words to a text of `size` bytes that may be shown: valid UTF-8 without control characters.
 * Returns whether it is as it was written.
 */
bool scoreboard_text_from_words(char *out, size_t size, const uint64_t *words);

void scoreboard_clear_fault(struct scoreboard_slot *slot, enum operator_fault kind);

#endif

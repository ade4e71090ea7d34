/*
 * scoreboard.c - the scoreboard's mapping, its slots, jobs and deaths. [every process]
 *
 * Invariant: a process that dies at any instruction leaves nothing locked, and nothing that its
 * successor's first write does not put right. Slots out of range are ignored.
 */
#include "common/scoreboard.h"

#include <string.h>
#include <sys/mman.h>

#include "common/clock.h"
#include "common/scoreboard_layout.h"
#include "common/seqlock.h"

/* ---- the mapping ---- */

struct scoreboard *
scoreboard_new(void)
{
	void *memory = mmap(NULL, sizeof(struct scoreboard), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* A huge page would make the first touch cost 2 MiB. EINVAL: there are none anyway. */
	(void)madvise(memory, sizeof(struct scoreboard), MADV_NOHUGEPAGE);
	return memory;
}

void
scoreboard_free(struct scoreboard *board)
{
	if (board != NULL)
		(void)munmap(board, sizeof(*board));
}

/* ---- texts ---- */

bool
scoreboard_words_from_text(uint64_t *words, size_t n, const char *text)
{
	size_t room = n * sizeof(*words) - 1;
	size_t size = text != NULL ? strnlen(text, room + 1) : 0;
	bool complete = size <= room;

	if (!complete)
		for (size = room; size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80;)
			size--;
	memset(words, 0, n * sizeof(*words));
	if (size > 0)
		memcpy(words, text, size);
	return complete;
}

/* ---- what a process of a slot does ---- */

/* The time since it was counted last belongs to the activity that was. */
static void
count_time(struct scoreboard *board, int slot, int64_t now_ms)
{
	struct scoreboard_slot *s = &board->slots[slot];
	uint8_t activity = atomic_load_explicit(&board->activity[slot], memory_order_relaxed);
	int64_t until_ms = atomic_load_explicit(&s->spent_until_ms, memory_order_relaxed);

	scoreboard_put_time(&s->spent_until_ms, now_ms);
	if (until_ms > 0 && now_ms > until_ms && activity < ACTIVITY_COUNT)
		atomic_fetch_add_explicit(&s->spent_ms[activity], (uint64_t)(now_ms - until_ms),
					  memory_order_relaxed);
}

static void
set_activity(struct scoreboard *board, int slot, enum activity activity, int64_t now_ms)
{
	count_time(board, slot, now_ms);
	scoreboard_put_time(&board->slots[slot].activity_since_ms, now_ms);
	atomic_store_explicit(&board->activity[slot], (uint8_t)activity, memory_order_release);
}

static void
clear_job(struct scoreboard_slot *slot)
{
	uint64_t odd;

	scoreboard_put(&slot->claim, 0);
	odd = seqlock_begin(&slot->job_seq);
	/* The claim alone says whether there is a job; the other words may stay. */
	scoreboard_put(&slot->job[JOB_WORD_CLAIM], 0);
	seqlock_end(&slot->job_seq, odd);
}

void
scoreboard_clear_fault(struct scoreboard_slot *slot, enum operator_fault kind)
{
	static const uint64_t nothing[FAULT_WORDS];

	seqlock_write(&slot->faults[kind].seq, slot->faults[kind].words, nothing, FAULT_WORDS);
}

static void
clear_faults(struct scoreboard_slot *slot)
{
	for (int kind = 0; kind < OPERATOR_FAULT_COUNT; kind++)
		scoreboard_clear_fault(slot, (enum operator_fault)kind);
}

void
scoreboard_assign(struct scoreboard *board, int slot, uint64_t generation, const char *token)
{
	struct scoreboard_slot *s;
	uint64_t words[TOKEN_WORDS];
	int64_t now_ms = clock_mono_ms();

	if (!scoreboard_has(slot))
		return;
	s = &board->slots[slot];
	if (slot >= atomic_load_explicit(&board->slots_used, memory_order_relaxed))
		atomic_store_explicit(&board->slots_used, slot + 1, memory_order_release);

	set_activity(board, slot, ACTIVITY_NONE, now_ms);
	clear_job(s);
	clear_faults(s);
	if (slot == SCOREBOARD_DISPATCHER) {
		/* Its report ages by itself; one that is reborn in time shall not be noticed. */
		atomic_store_explicit(&board->dispatcher_parked, false, memory_order_relaxed);
	} else {
		scoreboard_put_time(&s->heartbeat_ms, 0);
	}
	scoreboard_put_time(&s->assigned_ms, now_ms);
	scoreboard_words_from_text(words, TOKEN_WORDS, token);
	seqlock_write(&s->token_seq, s->token, words, TOKEN_WORDS);
	atomic_store_explicit(&s->occupied, true, memory_order_relaxed);
	/* Last: who finds it unchanged around a reading has read one generation. */
	atomic_store_explicit(&s->generation, generation, memory_order_release);
}

void
scoreboard_vacate(struct scoreboard *board, int slot)
{
	if (!scoreboard_has(slot))
		return;
	atomic_store_explicit(&board->slots[slot].occupied, false, memory_order_relaxed);
	set_activity(board, slot, ACTIVITY_NONE, clock_mono_ms());
	clear_job(&board->slots[slot]);
	clear_faults(&board->slots[slot]);
}

void
scoreboard_activity(struct scoreboard *board, int slot, enum activity activity)
{
	int64_t now_ms = clock_mono_ms();

	if (!scoreboard_has(slot) || activity >= ACTIVITY_COUNT)
		return;
	scoreboard_put_time(&board->slots[slot].heartbeat_ms, now_ms);
	set_activity(board, slot, activity, now_ms);
	/*
	 * The worker says "idle" and then looks whether the dispatcher is parked; the dispatcher
	 * says "parked" and then counts the idle. With a full fence at both, one of them sees the
	 * other.
	 */
	if (activity == ACTIVITY_IDLE)
		atomic_thread_fence(memory_order_seq_cst);
}

void
scoreboard_heartbeat(struct scoreboard *board, int slot)
{
	int64_t now_ms = clock_mono_ms();

	if (!scoreboard_has(slot))
		return;
	scoreboard_put_time(&board->slots[slot].heartbeat_ms, now_ms);
	count_time(board, slot, now_ms);
}

void
scoreboard_dispatcher_parked(struct scoreboard *board, bool parked)
{
	atomic_store_explicit(&board->dispatcher_parked, parked, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst); /* see scoreboard_activity() */
}

/* ---- the job in hand ---- */

uint64_t
scoreboard_job_begin(struct scoreboard *board, int slot, const char *id, const char *deviation_id,
		     int attempt, int64_t deadline_ms, int64_t lease_end_ms)
{
	struct scoreboard_slot *s;
	uint64_t words[JOB_WORDS];
	uint64_t claim;

	if (!scoreboard_has(slot))
		return 1; /* nobody reads it, but it is never 0 */
	s = &board->slots[slot];
	claim = atomic_fetch_add_explicit(&s->claims_made, 1, memory_order_relaxed) + 1;
	words[JOB_WORD_CLAIM] = claim;
	words[JOB_WORD_ATTEMPT] = (uint64_t)attempt;
	words[JOB_WORD_STARTED] = (uint64_t)clock_mono_ms();
	words[JOB_WORD_DEADLINE] = (uint64_t)deadline_ms;
	words[JOB_WORD_LEASE] = (uint64_t)lease_end_ms;
	words[JOB_WORD_ID_COMPLETE] = scoreboard_words_from_text(&words[JOB_WORD_ID], ID_WORDS, id);
	scoreboard_words_from_text(&words[JOB_WORD_DEVIATION], ID_WORDS, deviation_id);
	scoreboard_words_from_text(&words[JOB_WORD_TITLE], TITLE_WORDS, NULL);
	scoreboard_words_from_text(&words[JOB_WORD_USER], USER_WORDS, NULL);
	seqlock_write(&s->job_seq, s->job, words, JOB_WORDS);
	scoreboard_put(&s->claim, claim);
	return claim;
}

/* Some words of the job in hand, in one piece. */
static void
change_job(struct scoreboard_slot *slot, size_t at, const uint64_t *words, size_t n)
{
	uint64_t odd = seqlock_begin(&slot->job_seq);

	for (size_t i = 0; i < n; i++)
		scoreboard_put(&slot->job[at + i], words[i]);
	seqlock_end(&slot->job_seq, odd);
}

void
scoreboard_job_deviation(struct scoreboard *board, int slot, const char *deviation_id)
{
	struct scoreboard_slot *s;
	uint64_t words[ID_WORDS];

	if (!scoreboard_has(slot))
		return;
	s = &board->slots[slot];
	scoreboard_words_from_text(words, ID_WORDS, deviation_id);
	change_job(s, JOB_WORD_DEVIATION, words, ID_WORDS);
}

void
scoreboard_job_names(struct scoreboard *board, int slot, const char *title, const char *user)
{
	uint64_t words[TITLE_WORDS + USER_WORDS];

	if (!scoreboard_has(slot))
		return;
	scoreboard_words_from_text(words, TITLE_WORDS, title);
	scoreboard_words_from_text(words + TITLE_WORDS, USER_WORDS, user);
	change_job(&board->slots[slot], JOB_WORD_TITLE, words, TITLE_WORDS + USER_WORDS);
}

void
scoreboard_job_end(struct scoreboard *board, int slot)
{
	if (scoreboard_has(slot))
		clear_job(&board->slots[slot]);
}

void
scoreboard_lease(struct scoreboard *board, int slot, int64_t lease_end_ms)
{
	const uint64_t word = (uint64_t)lease_end_ms;

	if (scoreboard_has(slot))
		change_job(&board->slots[slot], JOB_WORD_LEASE, &word, 1);
}

/* ---- renewals ---- */

void
scoreboard_renewed(struct scoreboard *board, int slot, uint64_t claim, int64_t lease_end_ms)
{
	uint64_t words[RENEWAL_WORDS];

	if (!scoreboard_has(slot))
		return;
	words[RENEWAL_WORD_CLAIM] = claim;
	words[RENEWAL_WORD_LEASE] = (uint64_t)lease_end_ms;
	seqlock_write(&board->slots[slot].renewal_seq, board->slots[slot].renewal, words,
		      RENEWAL_WORDS);
}

void
scoreboard_lock_lost(struct scoreboard *board, int slot, uint64_t claim)
{
	if (scoreboard_has(slot))
		scoreboard_put(&board->slots[slot].lost_claim, claim);
}

/* ---- deaths ---- */

static bool
death_is_open(const struct scoreboard_death *death)
{
	/* Acquire: the token may be overwritten only after the dispatcher was done reading it. */
	return atomic_load_explicit(&death->confirmed, memory_order_acquire) !=
	       atomic_load_explicit(&death->serial, memory_order_relaxed);
}

bool
scoreboard_death_record(struct scoreboard *board, const char *token, bool blames_job)
{
	size_t used = atomic_load_explicit(&board->deaths_used, memory_order_relaxed);
	uint64_t words[TOKEN_WORDS];
	uint64_t serial;
	size_t at = 0;

	/* The lowest free place, and the mark lowered, so that looking costs little again. */
	while (used > 0 && !death_is_open(&board->deaths[used - 1]))
		used--;
	while (at < used && death_is_open(&board->deaths[at]))
		at++;
	if (at == SCOREBOARD_DEATHS)
		return false;
	scoreboard_words_from_text(words, TOKEN_WORDS, token);
	for (size_t i = 0; i < TOKEN_WORDS; i++)
		scoreboard_put(&board->deaths[at].token[i], words[i]);
	serial = atomic_load_explicit(&board->deaths_recorded, memory_order_relaxed) + 1;
	scoreboard_put(&board->deaths_recorded, serial);
	serial = 2 * serial + (blames_job ? 1 : 0);
	atomic_store_explicit(&board->deaths[at].serial, serial * SCOREBOARD_DEATHS + at,
			      memory_order_release);
	atomic_store_explicit(&board->deaths_used, at < used ? used : at + 1, memory_order_release);
	return true;
}

bool
scoreboard_death_blames_job(uint64_t serial)
{
	return (serial / SCOREBOARD_DEATHS) % 2 == 1;
}

void
scoreboard_death_confirmed(struct scoreboard *board, uint64_t serial)
{
	struct scoreboard_death *death = &board->deaths[serial % SCOREBOARD_DEATHS];

	if (atomic_load_explicit(&death->serial, memory_order_relaxed) == serial)
		atomic_store_explicit(&death->confirmed, serial, memory_order_release);
}

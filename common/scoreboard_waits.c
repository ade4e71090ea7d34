/*
 * scoreboard_waits.c - who waits for a server, and whether in vain.     [worker, dispatcher]
 *
 * Invariant: a wait is named by its beginning; what is said of one that is over means nothing to
 * the next. The session is written before the beginning and read between two readings of it, so
 * that no session is taken for another's.
 */
#include "common/scoreboard_waits.h"

#include "common/scoreboard_layout.h"

static uint64_t
word_of(struct postgres_session session)
{
	return (uint64_t)(uint32_t)session.pid << 32 | session.server;
}

static struct postgres_session
session_of(uint64_t word)
{
	return (struct postgres_session){.pid = (int)(word >> 32), .server = (uint32_t)word};
}

void
scoreboard_wait_begin(struct scoreboard *board, int slot, int64_t since_ms,
		      struct postgres_session session)
{
	if (!scoreboard_has(slot))
		return;
	scoreboard_wait_end(board, slot);
	atomic_store_explicit(&board->slots[slot].wait_session, word_of(session),
			      memory_order_release);
	atomic_store_explicit(&board->slots[slot].wait_since_ms, since_ms, memory_order_release);
}

void
scoreboard_wait_end(struct scoreboard *board, int slot)
{
	if (scoreboard_has(slot))
		atomic_store_explicit(&board->slots[slot].wait_since_ms, 0, memory_order_relaxed);
}

bool
scoreboard_wait_is_vain(const struct scoreboard *board, int slot, int64_t since_ms)
{
	return scoreboard_has(slot) && atomic_load_explicit(&board->slots[slot].vain_since_ms,
							    memory_order_relaxed) == since_ms;
}

struct scoreboard_answered
scoreboard_answered(const struct scoreboard *board, enum dependency which)
{
	/* Each of the two only grows: a reading of old and new is no falsehood. */
	return (struct scoreboard_answered){
		.begun_ms = atomic_load_explicit(&board->answered[which].begun_ms,
						 memory_order_relaxed),
		.asked_ms = atomic_load_explicit(&board->answered[which].asked_ms,
						 memory_order_relaxed)};
}

size_t
scoreboard_waits(const struct scoreboard *board, int64_t before_ms, struct scoreboard_wait *waits,
		 size_t most)
{
	int used = scoreboard_slots_used(board);
	size_t count = 0;

	for (int slot = 0; slot < used && count < most; slot++) {
		const struct scoreboard_slot *s = &board->slots[slot];
		int64_t since_ms = atomic_load_explicit(&s->wait_since_ms, memory_order_acquire);
		uint64_t word = atomic_load_explicit(&s->wait_session, memory_order_acquire);

		if (since_ms == 0 || since_ms >= before_ms || session_of(word).pid == 0 ||
		    since_ms != atomic_load_explicit(&s->wait_since_ms, memory_order_relaxed))
			continue;
		waits[count++] = (struct scoreboard_wait){
			.slot = slot, .since_ms = since_ms, .session = session_of(word)};
	}
	return count;
}

void
scoreboard_wait_in_vain(struct scoreboard *board, const struct scoreboard_wait *wait)
{
	if (scoreboard_has(wait->slot))
		scoreboard_put_time(&board->slots[wait->slot].vain_since_ms, wait->since_ms);
}

void
scoreboard_set_answered(struct scoreboard *board, enum dependency which,
			struct scoreboard_answered answered)
{
	scoreboard_put_time(&board->answered[which].begun_ms, answered.begun_ms);
	scoreboard_put_time(&board->answered[which].asked_ms, answered.asked_ms);
}

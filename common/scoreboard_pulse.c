/*
 * scoreboard_pulse.c - whether an answer can still come.                [worker, dispatcher]
 */
#include "common/scoreboard_pulse.h"

#include "common/scoreboard_layout.h"

/* Longer than the pulse's own question may take: a server that is slow for all is slow for it. */
#define PASSED_OVER_MS 1500

void
scoreboard_set_pulse(struct scoreboard *board, enum dependency which, int64_t renewed_ms,
		     int64_t asked_ms)
{
	scoreboard_put_time(&board->pulse[which].renewed_ms, renewed_ms);
	scoreboard_put_time(&board->pulse[which].asked_ms, asked_ms);
}

bool
scoreboard_waits_in_vain(const struct scoreboard *board, enum dependency which, int64_t begun_ms,
			 int64_t since_ms)
{
	int64_t renewed_ms =
		atomic_load_explicit(&board->pulse[which].renewed_ms, memory_order_relaxed);
	int64_t asked_ms =
		atomic_load_explicit(&board->pulse[which].asked_ms, memory_order_relaxed);

	if (since_ms < renewed_ms)
		since_ms = renewed_ms;
	return renewed_ms > begun_ms && asked_ms - since_ms >= PASSED_OVER_MS;
}

#ifndef COMMON_SCOREBOARD_WAITS_H
#define COMMON_SCOREBOARD_WAITS_H
/*
 * scoreboard_waits.h - who waits for a server, and whether in vain.     [worker, dispatcher]
 *
 * A connection that died without a word (half open) looks like a server that takes its time. Who
 * waits on it cannot tell the two apart; the dispatcher can, which has connections that answer. It
 * says here which of its questions were answered. As PostgreSQL may take longer over one statement
 * than over another, it also reads here who waits for it and since when, asks it about them, and
 * says whose wait is in vain.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/scoreboard.h"

/* The process at the server that works for a connection. */
struct postgres_session {
	int pid;         /* 0: none yet, or not known (behind a pooler) */
	uint32_t server; /* tells addresses apart */
};

/* ---- the slot's worker ---- */

/* From since_ms (above 0) on it waits for an answer. Repeated where something came meanwhile. */
void scoreboard_wait_begin(struct scoreboard *board, int slot, int64_t since_ms,
			   struct postgres_session session);
void scoreboard_wait_end(struct scoreboard *board, int slot);

/* Whether the dispatcher said so of the wait that began then. */
bool scoreboard_wait_is_vain(const struct scoreboard *board, int slot, int64_t since_ms);

/* The newest question of the dispatcher's that was answered. */
struct scoreboard_answered {
	int64_t begun_ms; /* the connection; 0: nothing was answered yet */
	int64_t asked_ms;
};
struct scoreboard_answered scoreboard_answered(const struct scoreboard *board,
					       enum dependency which);

/* ---- the dispatcher ---- */

struct scoreboard_wait {
	int slot;
	int64_t since_ms;
	struct postgres_session session;
};

/* The waits with a known session that began before that time: at most `most`. Returns how many. */
size_t scoreboard_waits(const struct scoreboard *board, int64_t before_ms,
			struct scoreboard_wait *waits, size_t most);

/* That one will not be answered. */
void scoreboard_wait_in_vain(struct scoreboard *board, const struct scoreboard_wait *wait);

void scoreboard_set_answered(struct scoreboard *board, enum dependency which,
			     struct scoreboard_answered answered);

#endif

#ifndef WORKER_DISPATCHER_BELL_H
#define WORKER_DISPATCHER_BELL_H
/*
 * bell.h - the dispatcher's ear at the queue: marker in, turns out.      [dispatcher]
 *
 * design.md "The dispatcher", bullmq-protocol.md 6 and 21.3. It reads the marker (BZPOPMIN) only
 * while a worker is idle and no turn is under way, remembers the due time that a marker told,
 * pushes as many turns as there are idle workers and work for them, and puts the marker back when
 * it leaves work for neighbours.
 */
#include <stdbool.h>
#include <stdint.h>

#include "worker/dispatcher/desk.h"

struct bell {
	bool listening; /* BZPOPMIN is pending on desk->marker */
	bool look;      /* something says that there may be work */
	int64_t due_ms; /* clock_mono_ms() when the next delayed job is due; 0 = none known */
	int64_t shut_until_ms;  /* a rate limit is shut; no look before */
	int64_t again_ms;       /* clock_mono_ms() of the next look in any case */
	int64_t listen_dead_ms; /* the server ends a BZPOPMIN itself; one that is so late is
				   half-open */
	int turns_out;          /* turns pushed a moment ago, probably not taken yet */
	int64_t turns_at_ms;
	int64_t patience_ms; /* how long turns count as under way; grows while nobody takes the work
			      */
	int64_t last_backlog;
};

void bell_init(struct bell *bell);

/* Hears what came, looks at the queue if that is due, pushes turns. False: Redis failed. */
bool bell_tend(struct bell *bell, struct desk *desk, struct failure *why);

/* The descriptor to poll (-1: not listening), and when to come back at the latest
 * (clock_mono_ms()). */
int bell_fd(const struct bell *bell, const struct desk *desk);
int64_t bell_next_ms(const struct bell *bell);

/* The connection is gone: nothing is pending any more. */
void bell_reset(struct bell *bell, struct desk *desk);

#endif

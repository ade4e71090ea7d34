#ifndef WORKER_DISPATCHER_SWEEP_H
#define WORKER_DISPATCHER_SWEEP_H
/*
 * sweep.h - PostgreSQL is compared with the queue: Redis may forget, PostgreSQL does not.
 * [dispatcher]
 *
 * Deviations that are due, or were left half done, and whose job is missing or finished, are
 * enqueued anew under the id that the API server uses. A bounded page at a time, so that locks are
 * renewed in between.
 */
#include <stdbool.h>
#include <stdint.h>

#include "worker/dispatcher/desk.h"

struct sweep {
	char after[256]; /* where the next page begins; "" = a new round */
	int64_t next_ms; /* clock_mono_ms() of the next page */
	int64_t keep_ms; /* and of the next look after locks that must not go stale */
};

/* Does one page if it is time. False: *why, and which server failed in *redis_failed. */
bool sweep_run(struct sweep *sweep, struct desk *desk, bool *redis_failed, struct failure *why);

#endif

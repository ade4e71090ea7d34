#ifndef WORKER_LEASE_H
#define WORKER_LEASE_H
/*
 * lease.h - may this job go on? Lock, deadline and orders in one place.  [worker]
 *
 * The dispatcher renews the locks of all workers; a worker renews its own when less than half of
 * its lease is left (design.md). While a request runs, http asks lease_watch() about twice a
 * second.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/queue/queue.h"
#include "worker/http/http.h"
#include "worker/tools.h"

struct lease {
	struct tools *tools;
	const struct queue_job *job;
	int64_t deadline_ms; /* clock_mono_ms(): the job's time is over */
	bool irrevocable;    /* a publish is on its way: a stop waits a moment for its answer */
	struct watch watch, refresh_watch;
};

/* Begins the claim's report on the scoreboard. */
void lease_begin(struct lease *lease, struct tools *tools, const struct queue_job *job);
void lease_end(struct lease *lease);

/* The watch to hand to requests; belongs to the lease. */
const struct watch *lease_watch(struct lease *lease);

/*
 * The watch over a token refresh: once its request is on its way the user's refresh token is spent,
 * and nothing but the end of this process may throw the answer away. It ignores a lost lock and the
 * job's deadline, and lets a stop wait for the answer.
 */
const struct watch *lease_refresh_watch(struct lease *lease);

/* Whether there is time left, before the supervisor may kill this worker for its overdue job, for a
 * refresh to end by itself. */
bool lease_has_time_to_refresh(const struct lease *lease);

/* Asked between steps: FAILURE_STOPPED, FAILURE_LOST or NETWORK_ERROR (the job's time is over) when
 * it may not go on. */
bool lease_go_on(struct lease *lease, struct failure *why);

/* Before what cannot be taken back: at least a third of the lease must be left (design.md, must
 * hold 5); renews if it is not. */
bool lease_prove(struct lease *lease, struct failure *why);

#endif

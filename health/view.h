#ifndef HEALTH_VIEW_H
#define HEALTH_VIEW_H
/*
 * view.h - what the scoreboard says, judged: ready or not, and why.    [supervisor]
 *
 * Everything that is shown is derived here, from one reading and one moment, so that /ready and
 * /metrics cannot contradict each other. Rendering a view is pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/scoreboard.h"

/*
 * Older than this the dispatcher's word about a server counts as unknown, that is as not ready. It
 * asks twice a second and waits a second for the answer (worker/dispatcher/pulse.c), so that an
 * older word comes only from one that stands still; with a little room this is within contract.md's
 * 2 s.
 */
#define HEALTH_WORD_MAX_AGE_MS 1800
/* contract.md: publisher_queue_jobs is at most 2 s old. */
#define HEALTH_QUEUE_MAX_AGE_MS    2000
#define HEALTH_CIRCUITS_MAX_AGE_MS 60000

#define HEALTH_ERROR_SIZE (DEPENDENCY_COUNT * SCOREBOARD_TEXT_SIZE + 256) /* all reasons, whole */

/* The listener's own numbers. */
struct health_load {
	int connections, connections_limit;
	uint64_t requests, dropped, timeouts; /* counters */
};

struct health_view {
	/* Given. */
	struct scoreboard_view board;
	int workers[ACTIVITY_COUNT];
	struct health_load load;
	int64_t now_mono_ms, now_wall_ms;
	long pid;
	const char *version;
	uint64_t log_dropped; /* by the supervisor itself */

	/* Derived. */
	bool ready;
	char error[HEALTH_ERROR_SIZE]; /* why not; "" when ready */
	bool dispatcher_fresh, redis_up, postgres_up;
	bool queue_known, circuits_known;
	double oldest_due_s; /* 0: nobody waits, or not known */
	/* The application's circuit: its open time goes on, or is over and a probe may go. */
	bool application[CIRCUIT_STATE_COUNT];
	int64_t uptime_s;
};

/* Reads the scoreboard and the clocks, and judges. */
void health_view_read(struct health_view *view, const struct scoreboard *board,
		      const struct health_load *load);

/* The judging alone: fills what is derived from what is given. */
void health_view_judge(struct health_view *view);

#endif

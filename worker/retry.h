#ifndef WORKER_RETRY_H
#define WORKER_RETRY_H
/*
 * retry.h - what happens after a failure: one table, one pure function.  [worker]
 *
 * contract.md "Failures", third column. No I/O; chance comes in as a number, so that tests can fix
 * it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/queue/queue.h"
#include "common/scoreboard.h"

enum retry_action {
	RETRY_ATTEMPT,  /* counted: queue_retry(), one attempt burned */
	RETRY_WAIT,     /* queue_defer(), no attempt burned */
	RETRY_FAIL,     /* for good */
	RETRY_PUT_BACK, /* queue_put_back(): this process stops */
	RETRY_LET_GO, /* not ours any more: change nothing in PostgreSQL, look again soon if the job
			 still is */
	RETRY_RECONCILE, /* hold the row; the outcome is looked into later */
};

/* What the journal and the job know. */
struct retry_history {
	int category_retries;   /* failures of this category so far, this one not included */
	int outages;            /* waits for outages so far, in the journal's count */
	int away_streak;        /* waits for servers that were away so far */
	int64_t refused_for_ms; /* since the first refusal or outage; -1 = none yet */
	int attempts_made, max_attempts;
	const struct queue_backoff *backoff; /* the job's own */
	int64_t gate_wait_ms; /* what the gates said after a refusal; -1 = they were not asked */
	int64_t unknown_wait_ms;
};

struct retry_decision {
	enum retry_action action;
	int64_t delay_ms;
	const char *count_as; /* key of the counter in the journal to raise; NULL = none */
	bool refusal;         /* starts the 24 h after which a refusal or outage is given up */
};

/* chance: 0..1, where 0.5 means no jitter for waits of ours. */
struct retry_decision retry_decide(const struct failure *failure,
				   const struct retry_history *history, double chance);

/* Why the job waits that the failure put off, for /metrics. */
enum wait_reason retry_wait_reason(const struct failure *failure, enum retry_action action);

/* 1 s doubling to 30 s, +- 20 %: how long a server that is away is left alone. streak >= 1. */
int64_t retry_away_ms(int streak, double chance);

#endif

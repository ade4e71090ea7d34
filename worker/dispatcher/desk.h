#ifndef WORKER_DISPATCHER_DESK_H
#define WORKER_DISPATCHER_DESK_H
/*
 * desk.h - what the dispatcher works with: its connections and clocks.   [dispatcher]
 */
#include <stdbool.h>
#include <stdint.h>

#include "worker/dispatcher/probe.h"
#include "worker/dispatcher/pulse.h"
#include "worker/orders.h"
#include "worker/worker.h"

/* Tokens of dead processes that PostgreSQL could not be told of; the oldest are forgotten, their
 * leases end by themselves. */
#define DESK_UNTOLD 32

struct desk {
	const struct child *child;
	const struct config *config;
	struct scoreboard *board;
	struct orders orders;
	struct redis *redis;  /* commands */
	struct queue *queue;  /* on it */
	struct redis *marker; /* the blocking reader of the marker */
	struct postgres *postgres;
	struct probe probe;
	struct pulse *pulse; /* tells /ready */
	bool journal_ready;
	char untold[DESK_UNTOLD][SCOREBOARD_TOKEN_SIZE];
	unsigned untold_count;
	bool redis_up, postgres_up;
	bool queue_full;                     /* as the last look at the queue saw it */
	int64_t queue_limited_until_wall_ms; /* 0: its rate limit is open */
	int64_t redis_wait_ms,
		redis_again_ms; /* pause and moment of the next try while it is away */
	int64_t postgres_wait_ms, postgres_again_ms;
};

bool desk_open(struct desk *desk, const struct child *child, struct failure *why);
void desk_close(struct desk *desk);

/* Connects where that is due, and probes; tells the pulse. Bounded in time, since locks have to be
 * renewed. */
void desk_tend_redis(struct desk *desk);
void desk_tend_postgres(struct desk *desk);

/* A command failed for this reason: the connection is looked at again soon. */
void desk_redis_failed(struct desk *desk, const struct failure *why);
void desk_postgres_failed(struct desk *desk, const struct failure *why);

#endif

#ifndef WORKER_TURN_H
#define WORKER_TURN_H
/*
 * turn.h - an idle worker waits for its turn.                            [worker; pushed by the
 * dispatcher]
 *
 * design.md: BRPOPLPUSH hands out turns, a script hands out jobs. A turn is an element of a private
 * list of the instance and means "look now"; a lost one costs nothing, since a worker that got none
 * looks by itself.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "worker/tools.h"

enum turn { TURN_LOOK, TURN_LEAVE, TURN_REDIS_AWAY };

/*
 * Blocks until a turn comes, until it is time to look unasked (each worker after max(2 s, workers x
 * 0.25 s), staggered), or until the worker is to leave. TURN_REDIS_AWAY: *why.
 */
enum turn turn_wait(struct tools *tools, struct failure *why);

/* A worker that leaves a pool that goes on may have taken a turn with it: it gives one back for
 * somebody else. */
void turn_give_back(struct tools *tools);

#define TURN_PUSH_MOST 64

/* Pushes n turns, at most TURN_PUSH_MOST (dispatcher). */
bool turn_push(struct redis *redis, const struct queue *queue, const char *instance, int n,
	       struct failure *why);

#endif

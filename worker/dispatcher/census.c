/*
 * census.c - what /metrics shows of the queue and the circuits.          [dispatcher]
 */
#include "worker/dispatcher/census.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "common/scoreboard.h"

#define CENSUS_MS 2000

/* lua/gates.lua keeps every circuit that is not closed here, scored by the end of its open time. */
#define CIRCUIT_INDEX "circuit:deviantart:index"

static bool
count_between(struct desk *desk, const char *from, const char *to, int64_t *count,
	      struct failure *why)
{
	const char *const argv[] = {"ZCOUNT", CIRCUIT_INDEX, from, to};
	redisReply *reply = redis_call(desk->redis, CENSUS_MS, why, 4, argv, NULL);

	if (reply == NULL)
		return false;
	*count = reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
	redis_reply_free(reply);
	return true;
}

/* When the open time of the application's circuit ends or ended; 0: it is closed. */
static bool
ask_application(struct desk *desk, int64_t *until_ms, struct failure *why)
{
	const char *const argv[] = {"ZSCORE", CIRCUIT_INDEX, "circuit:deviantart:application"};
	redisReply *reply = redis_call(desk->redis, CENSUS_MS, why, 3, argv, NULL);

	if (reply == NULL)
		return false;
	*until_ms = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;
	redis_reply_free(reply);
	return true;
}

static bool
count_circuits(struct desk *desk, struct failure *why)
{
	int64_t counts[CIRCUIT_STATE_COUNT] = {0};
	int64_t application_until_ms;
	char now[24], after_now[26];

	snprintf(now, sizeof(now), "%lld", (long long)clock_wall_ms());
	snprintf(after_now, sizeof(after_now), "(%s", now);
	if (!count_between(desk, after_now, "+inf", &counts[CIRCUIT_OPEN], why) ||
	    !count_between(desk, "-inf", now, &counts[CIRCUIT_HALF_OPEN], why) ||
	    !ask_application(desk, &application_until_ms, why))
		return false;
	scoreboard_circuits(desk->board, counts, application_until_ms);
	return true;
}

bool
census_run(struct desk *desk, struct failure *why)
{
	struct queue_counts c;

	if (!queue_count(desk->queue, &c, why))
		return false;
	const int64_t counts[QUEUE_STATE_COUNT] = {
		[QUEUE_STATE_WAITING] = c.waiting,
		[QUEUE_STATE_PAUSED] = c.paused,
		[QUEUE_STATE_ACTIVE] = c.active,
		[QUEUE_STATE_PRIORITIZED] = c.prioritized,
		[QUEUE_STATE_DELAYED] = c.delayed,
		[QUEUE_STATE_COMPLETED] = c.completed,
		[QUEUE_STATE_FAILED] = c.failed,
		[QUEUE_STATE_WAITING_CHILDREN] = c.waiting_children,
	};

	scoreboard_queue(desk->board, counts, c.is_paused, c.oldest_due_ms);
	return count_circuits(desk, why);
}

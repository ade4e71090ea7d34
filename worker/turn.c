/*
 * turn.c - an idle worker waits for its turn.                            [worker; pushed by the
 * dispatcher]
 */
#include "worker/turn.h"

#include <stdio.h>

#include "common/clock.h"
#include "worker/chance.h"
#include "worker/orders.h"

#define KEY_SIZE      600
#define LIST_LIFE_S   "120" /* refreshed by every push; an idle worker looks by itself */
#define TAKEN_LIFE_S  "130" /* outlives the turns that are moved there */
#define LOOK_LEAST_MS 2000
#define LOOK_SHARE_MS 250
#define PUSH_MS       3000

static void
list_key(const struct queue *queue, const char *instance, const char *list, char out[KEY_SIZE])
{
	char suffix[200];

	snprintf(suffix, sizeof(suffix), "%s:%s", instance, list);
	queue_private_key(queue, suffix, out, KEY_SIZE);
}

/* How long this worker waits before it looks unasked: staggered over the pool, so that looks come
 * evenly. */
static int64_t
own_wait_ms(const struct tools *tools)
{
	int64_t most = (int64_t)tools->config->concurrency * LOOK_SHARE_MS;

	if (most < LOOK_LEAST_MS)
		most = LOOK_LEAST_MS;
	return most / 2 + (int64_t)chance_below((uint32_t)(most / 2) + 1);
}

static bool
begin_wait(struct tools *tools, int64_t wait_ms, struct failure *why)
{
	char turns[KEY_SIZE], taken[KEY_SIZE], seconds[24];
	const char *const pop[] = {"BRPOPLPUSH", turns, taken, seconds};

	list_key(tools->queue, tools->child->instance, "turns", turns);
	list_key(tools->queue, tools->child->instance, "taken", taken);
	/* Whole seconds, rounded up: Redis before 7.0.8 could block for ever on small fractions
	 * (BullMQ issue 2515). */
	snprintf(seconds, sizeof(seconds), "%lld", (long long)((wait_ms + 999) / 1000));
	return redis_begin(tools->redis, why, 4, pop, NULL);
}

enum turn
turn_wait(struct tools *tools, struct failure *why)
{
	int64_t wait_ms = own_wait_ms(tools);
	/* The server ends the wait; one that is late by so much is not there any more (half-open
	 * connection). */
	int64_t dead_ms = clock_mono_ms() + wait_ms + 8000;
	struct redisReply *reply = NULL;
	enum turn turn = TURN_REDIS_AWAY;

	if (!begin_wait(tools, wait_ms, why))
		return TURN_REDIS_AWAY;
	for (;;) {
		int64_t left_ms = dead_ms - clock_mono_ms();

		orders_read(tools->orders);
		if (tools->orders->drain) {
			redis_close(tools->redis);
			turn = TURN_LEAVE;
			goto out;
		}
		if (left_ms <= 0) {
			failure_set(why, FAILURE_AWAY, "Redis: no answer to BRPOPLPUSH in time");
			redis_close(tools->redis);
			goto out;
		}
		redis_set_wake_fd(tools->redis, orders_fd(tools->orders));
		switch (redis_wait(tools->redis, left_ms, &reply, why)) {
		case REDIS_REPLY_READY:
			redis_reply_free(reply);
			turn = TURN_LOOK;
			goto out;
		case REDIS_FAILED:
			goto out;
		case REDIS_WAITING:
		case REDIS_WOKEN:
			break;
		}
		scoreboard_heartbeat(tools->board, tools->slot);
	}
out:
	redis_set_wake_fd(tools->redis, -1);
	return turn;
}

void
turn_give_back(struct tools *tools)
{
	struct failure why;

	if (redis_connect(tools->redis, 1000, &why))
		turn_push(tools->redis, tools->queue, tools->child->instance, 1, &why);
}

bool
turn_push(struct redis *redis, const struct queue *queue, const char *instance, int n,
	  struct failure *why)
{
	char turns[KEY_SIZE], taken[KEY_SIZE];
	/* A list that BRPOPLPUSH makes has no life of its own, and its worker may be killed in the
	 * same moment: the list is there, short and mortal, before there is a turn to take. */
	const char *const make[] = {"LPUSH", taken, "1"};
	const char *const trim[] = {"LTRIM", taken, "0", "0"};
	const char *const expire_taken[] = {"EXPIRE", taken, TAKEN_LIFE_S};
	const char *push[2 + TURN_PUSH_MOST] = {"LPUSH", turns};
	const char *const expire[] = {"EXPIRE", turns, LIST_LIFE_S};

	list_key(queue, instance, "turns", turns);
	list_key(queue, instance, "taken", taken);
	if (n > TURN_PUSH_MOST)
		n = TURN_PUSH_MOST;
	for (int i = 0; i < n; i++)
		push[2 + i] = "1";
	return redis_send(redis, why, 3, make, NULL) && redis_send(redis, why, 4, trim, NULL) &&
	       redis_send(redis, why, 3, expire_taken, NULL) &&
	       redis_send(redis, why, 2 + n, push, NULL) &&
	       redis_send(redis, why, 3, expire, NULL) && redis_flush(redis, PUSH_MS, why);
}

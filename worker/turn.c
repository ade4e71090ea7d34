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
#define LIST_LIFE_S   "120" /* longer than the longest wait of a worker, refreshed by every push */
#define TAKEN_LIFE_S  60
#define LOOK_LEAST_MS 2000
#define LOOK_SHARE_MS 250
#define LATE_MS       8000 /* an answer that is late by so much does not come */
#define OVERDUE_MS    250  /* how often is looked whether a late one can still come */
#define PUSH_MS       3000

static void
list_key(const struct queue *queue, const char *instance, const char *list, char out[KEY_SIZE])
{
	char suffix[200];

	snprintf(suffix, sizeof(suffix), "%s:%s", instance, list);
	queue_private_key(queue, suffix, out, KEY_SIZE);
}

static int64_t
own_most_ms(const struct tools *tools)
{
	int64_t most = (int64_t)tools->config->concurrency * LOOK_SHARE_MS;

	return most < LOOK_LEAST_MS ? LOOK_LEAST_MS : most;
}

/* How long this worker waits before it looks unasked: staggered over the pool, so that looks come
 * evenly. */
static int64_t
own_wait_ms(const struct tools *tools)
{
	int64_t most = own_most_ms(tools);

	return most / 2 + (int64_t)chance_below((uint32_t)(most / 2) + 1);
}

/*
 * The list that turns go to exists before one is taken, trimmed and with an end: BRPOPLPUSH would
 * make it without one, and nobody removes it after a worker that took its last turn. It lives
 * longer than any worker waits.
 */
static bool
prepare_taken(struct tools *tools, const char *taken, struct failure *why)
{
	char seconds[24];
	const char *const push[] = {"LPUSH", taken, "0"};
	const char *const trim[] = {"LTRIM", taken, "0", "0"};
	const char *const expire[] = {"EXPIRE", taken, seconds};

	snprintf(seconds, sizeof(seconds), "%lld",
		 (long long)(own_most_ms(tools) / 1000 + TAKEN_LIFE_S));
	return redis_send(tools->redis, why, 3, push, NULL) &&
	       redis_send(tools->redis, why, 4, trim, NULL) &&
	       redis_send(tools->redis, why, 3, expire, NULL);
}

/* Rounded up: Redis before 7.0.8 could block for ever on small fractions (BullMQ issue 2515). */
static int64_t
whole_seconds(int64_t ms)
{
	return (ms + 999) / 1000;
}

static bool
begin_wait(struct tools *tools, int64_t wait_ms, struct failure *why)
{
	char turns[KEY_SIZE], taken[KEY_SIZE], seconds[24];
	const char *const pop[] = {"BRPOPLPUSH", turns, taken, seconds};

	list_key(tools->queue, tools->child->instance, "turns", turns);
	list_key(tools->queue, tools->child->instance, "taken", taken);
	snprintf(seconds, sizeof(seconds), "%lld", (long long)whole_seconds(wait_ms));
	return prepare_taken(tools, taken, why) && redis_begin(tools->redis, why, 4, pop, NULL);
}

/*
 * How long the answer, which the server sends by itself when the wait is over, is waited for before
 * it is looked whether there is anything to wait for; 0: there is not (a half-open connection).
 */
static int64_t
still_to_wait_ms(const struct tools *tools, int64_t due_ms)
{
	int64_t late_ms = clock_mono_ms() - due_ms;

	if (late_ms < 0)
		return OVERDUE_MS - late_ms;
	return late_ms >= LATE_MS || redis_waits_in_vain(tools->redis, due_ms) ? 0 : OVERDUE_MS;
}

enum turn
turn_wait(struct tools *tools, struct failure *why)
{
	int64_t wait_ms = own_wait_ms(tools);
	int64_t due_ms = clock_mono_ms() + whole_seconds(wait_ms) * 1000;
	struct redisReply *reply = NULL;
	enum turn turn = TURN_REDIS_AWAY;

	if (!begin_wait(tools, wait_ms, why))
		return TURN_REDIS_AWAY;
	for (;;) {
		int64_t left_ms = still_to_wait_ms(tools, due_ms);

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
	char turns[KEY_SIZE];
	const char *push[2 + TURN_PUSH_MOST] = {"LPUSH", turns};
	const char *const expire[] = {"EXPIRE", turns, LIST_LIFE_S};

	list_key(queue, instance, "turns", turns);
	if (n > TURN_PUSH_MOST)
		n = TURN_PUSH_MOST;
	for (int i = 0; i < n; i++)
		push[2 + i] = "1";
	return redis_send(redis, why, 2 + n, push, NULL) &&
	       redis_send(redis, why, 3, expire, NULL) && redis_flush(redis, PUSH_MS, why);
}

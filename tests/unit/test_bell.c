/*
 * bell.c: what a marker tells is believed within reason.
 *
 * link with: -Wl,--wrap=redis_wait -Wl,--wrap=queue_look
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/queue/queue.h"
#include "common/scoreboard.h"
#include "worker/dispatcher/bell.h"

static redisReply *answer;
static int looks;

enum redis_wait __wrap_redis_wait(struct redis *redis, int64_t timeout_ms,
				  struct redisReply **reply, struct failure *why);
bool __wrap_queue_look(struct queue *queue, struct queue_look *seen, struct failure *why);

enum redis_wait
__wrap_redis_wait(struct redis *redis, int64_t timeout_ms, struct redisReply **reply,
		  struct failure *why)
{
	(void)redis;
	(void)timeout_ms;
	(void)why;
	*reply = answer;
	return REDIS_REPLY_READY;
}

/* Away: the bell keeps what it has heard. */
bool
__wrap_queue_look(struct queue *queue, struct queue_look *seen, struct failure *why)
{
	(void)queue;
	(void)seen;
	looks++;
	return failure_set(why, FAILURE_AWAY, "not now");
}

/* When the bell thinks a job is due, after BZPOPMIN gave member "1" with this score; 0: never. */
static int64_t
due_after(const char *score)
{
	struct scoreboard *board = scoreboard_new();
	struct desk desk = {.board = board};
	redisReader *reader = redisReaderCreate();
	struct failure why;
	struct bell bell;
	char wire[128];
	void *reply = NULL;

	assert_non_null(board);
	snprintf(wire, sizeof(wire), "*3\r\n$6\r\nmarker\r\n$1\r\n1\r\n$%zu\r\n%s\r\n",
		 strlen(score), score);
	assert_int_equal(redisReaderFeed(reader, wire, strlen(wire)), REDIS_OK);
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	redisReaderFree(reader);
	answer = reply;
	looks = 0;
	bell_init(&bell);
	bell.listening = true;
	assert_false(bell_tend(&bell, &desk, &why));
	assert_int_equal(looks, 1);
	scoreboard_free(board);
	return bell.due_ms;
}

static void
a_due_time_is_remembered(void **state)
{
	char score[32];
	int64_t due_ms;

	(void)state;
	snprintf(score, sizeof(score), "%lld.5", (long long)clock_wall_ms() + 60000);
	due_ms = due_after(score);
	assert_in_range(due_ms - clock_mono_ms(), 50000, 60000);
	assert_int_equal(due_after("1000"), 0); /* past */
}

/* Under the sanitizer this is the test: the number used to be converted before it was looked at. */
static void
a_score_that_no_clock_shows_is_looked_at_and_not_believed(void **state)
{
	static const char *const scores[] = {"inf", "-inf", "1e300", "-1e300", "nan", "x", "-1"};

	(void)state;
	for (size_t i = 0; i < sizeof(scores) / sizeof(scores[0]); i++)
		assert_int_equal(due_after(scores[i]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_due_time_is_remembered),
		cmocka_unit_test(a_score_that_no_clock_shows_is_looked_at_and_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * queue*.c: replies that no script of ours gives are refused, and the refusal says why.
 *
 * link with: -Wl,--wrap=redis_eval
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include <hiredis/hiredis.h>

#include "common/queue/queue.h"

static const char *wire;

struct redisReply *__wrap_redis_eval(struct redis *redis, struct redis_script *script,
				     int64_t timeout_ms, struct failure *why, int key_count,
				     int argc, const char *const *argv, const size_t *argv_sizes);

struct redisReply *
__wrap_redis_eval(struct redis *redis, struct redis_script *script, int64_t timeout_ms,
		  struct failure *why, int key_count, int argc, const char *const *argv,
		  const size_t *argv_sizes)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	(void)redis;
	(void)script;
	(void)timeout_ms;
	(void)why;
	(void)key_count;
	(void)argc;
	(void)argv;
	(void)argv_sizes;
	assert_int_equal(redisReaderFeed(reader, wire, strlen(wire)), REDIS_OK);
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	redisReaderFree(reader);
	return reply;
}

static struct queue *
new_queue(void)
{
	const struct queue_settings settings = {
		.prefix = "bull", .name = "q", .default_attempts = 7};
	struct queue *queue = queue_new(NULL, &settings);

	assert_non_null(queue);
	return queue;
}

static void
a_state_is_read(void **state)
{
	struct queue *queue = new_queue();
	char name[24];
	int64_t due_ms = 0;

	(void)state;
	wire = "*2\r\n$7\r\ndelayed\r\n$13\r\n1795513820412\r\n";
	assert_true(queue_job_state(queue, "id", name, &due_ms, NULL));
	assert_string_equal(name, "delayed");
	assert_int_equal(due_ms, 1795513820412);
	queue_free(queue);
}

static void
a_state_without_a_name_is_a_failure_that_says_so(void **state)
{
	static const char *const replies[] = {"*2\r\n$0\r\n\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n",
					      "*2\r\n$-1\r\n:1\r\n", "*1\r\n$1\r\nx\r\n",
					      "+OK\r\n"};
	struct queue *queue = new_queue();

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		struct failure why = {.category = FAILURE_NONE};
		char name[24];
		int64_t due_ms;

		wire = replies[i];
		assert_false(queue_job_state(queue, "id", name, &due_ms, &why));
		assert_int_equal(why.category, FAILURE_UNKNOWN);
		assert_string_not_equal(why.message, "");
	}
	queue_free(queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_is_read),
		cmocka_unit_test(a_state_without_a_name_is_a_failure_that_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

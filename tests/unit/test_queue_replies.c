/*
 * queue*.c: replies that no script of ours gives are refused, and the refusal says why.
 *
 * link with: -Wl,--wrap=redis_eval
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "common/queue/queue.h"
#include "tests/unit/false_redis.h"

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
	false_redis_answers("*2\r\n$7\r\ndelayed\r\n$13\r\n1795513820412\r\n");
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

		false_redis_answers(replies[i]);
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

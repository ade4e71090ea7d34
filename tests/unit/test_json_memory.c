/*
 * test_json_memory.c - missing memory is told from bad input.            [tests]
 *
 * link with: -Wl,--wrap=malloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/failure.h"
#include "common/json_memory.h"
#include "common/queue/queue_internal.h"
#include "worker/deviantart/classify.h"
#include "worker/job_data.h"

static const char good_data[] =
	"{\"deviationId\":\"d-1\",\"userId\":\"u-1\",\"uploadMode\":\"single\"}";

static int denied_at; /* the n-th allocation from here on fails; 0: none */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *
__wrap_malloc(size_t size)
{
	if (denied_at > 0 && --denied_at == 0)
		return NULL;
	return __real_malloc(size);
}

static int
watch(void **state)
{
	(void)state;
	json_memory_watch();
	return 0;
}

static void
a_job_whose_data_cannot_be_read_for_want_of_memory_is_not_refused(void **state)
{
	struct job_data data;
	struct failure why;
	int n = 0;
	bool done;

	(void)state;
	do {
		denied_at = ++n;
		done = job_data_parse("publish-deviation", good_data, &data, &why);
		if (!done)
			assert_int_equal(why.category, FAILURE_AWAY);
	} while (!done);
	denied_at = 0;
	assert_true(n > 5);
	assert_false(job_data_parse("publish-deviation", "[", &data, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
}

static void
options_that_cannot_be_read_for_want_of_memory_are_not_taken_for_none(void **state)
{
	struct queue_job_options options = {0};
	struct queue_job job = {.options = &options};
	int n = 0;
	bool done;

	(void)state;
	do {
		denied_at = ++n;
		done = queue_options_read(&job, "{\"attempts\":3,\"removeOnComplete\":true}", 7);
	} while (!done);
	denied_at = 0;
	assert_true(n > 3);
	assert_int_equal(job.max_attempts, 3);
	assert_true(queue_options_read(&job, "[", 7));
	assert_true(job.options_broken);
}

static enum failure_category
category_of(const struct answer *answer, int n)
{
	struct failure why = {.category = FAILURE_NONE};

	denied_at = n;
	(void)classify_answer(answer, &why);
	denied_at = 0;
	return why.category;
}

static void
an_answer_that_cannot_be_read_for_want_of_memory_ends_nothing_for_good(void **state)
{
	static const char body[] =
		"{\"status\":\"error\",\"error\":\"invalid_request\",\"error_code\":9}";
	struct answer answer = {.transport_ok = true,
				.sent = true,
				.status = 400,
				.retry_after_ms = -1,
				.body = body,
				.body_size = sizeof(body) - 1};

	(void)state;
	answer.endpoint = ENDPOINT_SUBMIT;
	assert_int_equal(category_of(&answer, 0), FAILURE_VALIDATION_ERROR);
	for (int n = 1; n <= 5; n++)
		assert_int_equal(category_of(&answer, n), FAILURE_AWAY);
	answer.endpoint = ENDPOINT_PUBLISH;
	assert_int_equal(category_of(&answer, 0), FAILURE_VALIDATION_ERROR);
	for (int n = 1; n <= 5; n++)
		assert_int_equal(category_of(&answer, n), FAILURE_OUTCOME_UNKNOWN);
}

static void
a_transfer_that_had_no_memory_burns_nothing(void **state)
{
	struct answer answer = {.endpoint = ENDPOINT_SUBMIT,
				.sent = true,
				.out_of_memory = true,
				.transport_error = "Out of memory",
				.retry_after_ms = -1,
				.body = ""};

	(void)state;
	assert_int_equal(category_of(&answer, 0), FAILURE_AWAY);
	answer.endpoint = ENDPOINT_PUBLISH;
	assert_int_equal(category_of(&answer, 0), FAILURE_OUTCOME_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_whose_data_cannot_be_read_for_want_of_memory_is_not_refused),
		cmocka_unit_test(
			options_that_cannot_be_read_for_want_of_memory_are_not_taken_for_none),
		cmocka_unit_test(
			an_answer_that_cannot_be_read_for_want_of_memory_ends_nothing_for_good),
		cmocka_unit_test(a_transfer_that_had_no_memory_burns_nothing),
	};

	return cmocka_run_group_tests(tests, watch, NULL);
}

/*
 * job_data.c: data of every wrong shape get a reason, and only the right shape is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/job_data.h"

static void
assert_refused(const char *name, const char *json, const char *says)
{
	struct job_data data = {.deviation_id = "untouched"};
	struct failure why;

	assert_false(job_data_parse(name, json, &data, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_non_null(strstr(why.message, says));
	assert_string_equal(data.deviation_id, "untouched");
}

static void
the_api_servers_data_are_read(void **state)
{
	struct job_data data;
	struct failure why;

	(void)state;
	assert_true(job_data_parse("publish-deviation",
				   "{\"deviationId\":\"d-1\",\"userId\":\"u-1\",\"uploadMode\":"
				   "\"multiple\",\"more\":[1]}",
				   &data, &why));
	assert_string_equal(data.deviation_id, "d-1");
	assert_string_equal(data.user_id, "u-1");
	assert_int_equal(data.mode, JOB_MODE_MULTIPLE);
}

static void
without_a_mode_the_row_decides(void **state)
{
	struct job_data data;
	struct failure why;

	(void)state;
	assert_true(job_data_parse("publish-deviation", "{\"deviationId\":\"d\",\"userId\":\"u\"}",
				   &data, &why));
	assert_int_equal(data.mode, JOB_MODE_OF_ROW);
}

static void
wrong_shapes_are_refused_with_a_reason(void **state)
{
	(void)state;
	assert_refused("other-job", "{}", "other-job");
	assert_refused("", "{}", "publish-deviation");
	assert_refused(JOB_NAME, "", "not a JSON object");
	assert_refused(JOB_NAME, "null", "not a JSON object");
	assert_refused(JOB_NAME, "[1]", "not a JSON object");
	assert_refused(JOB_NAME, "{\"deviationId\"", "not a JSON object");
	assert_refused(JOB_NAME, "{}", "deviationId");
	assert_refused(JOB_NAME, "{\"deviationId\":7,\"userId\":\"u\"}", "deviationId");
	assert_refused(JOB_NAME, "{\"deviationId\":\"\",\"userId\":\"u\"}", "1 to 255 bytes");
	assert_refused(JOB_NAME, "{\"deviationId\":\"d\"}", "userId");
	assert_refused(JOB_NAME, "{\"deviationId\":\"d\\n\",\"userId\":\"u\"}",
		       "control character");
	assert_refused(JOB_NAME, "{\"deviationId\":\"d\",\"userId\":\"u\",\"uploadMode\":\"both\"}",
		       "uploadMode");
	assert_refused(JOB_NAME, "{\"deviationId\":\"d\",\"userId\":\"u\",\"uploadMode\":3}",
		       "uploadMode");
}

static void
what_is_too_large_or_too_deep_is_refused_before_it_is_parsed(void **state)
{
	char *large = malloc(70001);
	char *deep = malloc(100001);

	(void)state;
	assert_non_null(large);
	assert_non_null(deep);
	memset(large, ' ', 70000);
	large[70000] = '\0';
	assert_refused(JOB_NAME, large, "larger or deeper");
	memset(deep, '[', 40);
	deep[40] = '\0';
	assert_refused(JOB_NAME, deep, "larger or deeper");
	memset(deep, '[', 100000);
	deep[100000] = '\0';
	assert_refused(JOB_NAME, deep, "larger or deeper");
	free(large);
	free(deep);
}

static void
an_id_of_the_longest_length_fits_and_one_more_does_not(void **state)
{
	char json[700], id[258];
	struct job_data data;
	struct failure why;

	(void)state;
	memset(id, 'a', 256);
	id[256] = '\0';
	snprintf(json, sizeof(json), "{\"deviationId\":\"%s\",\"userId\":\"u\"}", id);
	assert_refused(JOB_NAME, json, "1 to 255 bytes");
	id[255] = '\0';
	snprintf(json, sizeof(json), "{\"deviationId\":\"%s\",\"userId\":\"u\"}", id);
	assert_true(job_data_parse(JOB_NAME, json, &data, &why));
	assert_string_equal(data.deviation_id, id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_api_servers_data_are_read),
		cmocka_unit_test(without_a_mode_the_row_decides),
		cmocka_unit_test(wrong_shapes_are_refused_with_a_reason),
		cmocka_unit_test(what_is_too_large_or_too_deep_is_refused_before_it_is_parsed),
		cmocka_unit_test(an_id_of_the_longest_length_fits_and_one_more_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

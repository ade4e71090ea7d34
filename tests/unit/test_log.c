/*
 * log.c: every line is valid JSON with the members it should have, whatever is in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "tests/unit/log_child.h"

static int
write_plain(void)
{
	errno = EPROTO;
	log_event(LOG_DEBUG, "not this", NULL);
	log_event(LOG_WARN, "worker ready",
		  (struct log_field[]){LOG_INT("slot", 3), LOG_INT("least", INT64_MIN),
				       LOG_BOOL("yes", 5), LOG_BOOL("no", false),
				       LOG_STR("absent", NULL), LOG_STR("text", "x"), LOG_END});
	log_event(LOG_ERROR, NULL, NULL);
	log_event((enum log_level)99, "odd level", NULL);
	return errno == EPROTO && log_dropped() == 0 ? 0 : 1;
}

static void
line_has_the_members_of_the_contract(void **state)
{
	cJSON *object;
	const char *timestamp;

	(void)state;
	log_child_collect(write_plain);
	assert_int_equal(log_child_count_lines(), 3);
	object = log_child_line(0);
	timestamp = log_child_text(object, "timestamp");
	assert_int_equal(strlen(timestamp), 24);
	assert_true(timestamp[10] == 'T' && timestamp[19] == '.' && timestamp[23] == 'Z');
	assert_string_equal(log_child_text(object, "level"), "warn");
	assert_string_equal(log_child_text(object, "message"), "worker ready");
	assert_true(log_child_number(object, "pid") > 1);
	assert_true(log_child_number(object, "slot") == 3);
	assert_true(log_child_number(object, "least") < -9e18);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(object, "yes")));
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(object, "no")));
	assert_false(log_child_has(object, "absent"));
	assert_false(log_child_has(object, "correlationId"));
	assert_false(log_child_has(object, "truncated"));
	cJSON_Delete(object);
	object = log_child_line(1);
	assert_string_equal(log_child_text(object, "level"), "error");
	assert_string_equal(log_child_text(object, "message"), "");
	cJSON_Delete(object);
}

static int
write_job(void)
{
	char id[] = "deviation-abc123";
	struct log_job job = {.job_id = id,
			      .deviation_id = "abc123",
			      .user_id = NULL,
			      .upload_mode = "single",
			      .attempt_number = 1,
			      .max_attempts = 7};
	struct failure why;

	log_job_begin(&job);
	memset(id, 'X', sizeof(id) - 1); /* it was copied */
	log_event(
		LOG_INFO, "inside",
		(struct log_field[]){LOG_STR("userId", "nearer"), LOG_STR("jobId", NULL), LOG_END});
	failure_set(&why, FAILURE_RATE_LIMIT, "stash/submit: too many requests");
	why.http_status = 429;
	log_failure(LOG_WARN, "deferred", &why,
		    (struct log_field[]){LOG_INT("waitMs", 5), LOG_END});
	log_failure(LOG_WARN, "twice", &why,
		    (struct log_field[]){LOG_STR("error", "mine"), LOG_STR("a", "1"),
					 LOG_STR("a", "2"), LOG_STR("level", "no"),
					 LOG_INT("attemptNumber", 9), LOG_END});
	log_failure(LOG_WARN, "no failure", NULL, NULL);
	log_job_end();
	log_event(LOG_INFO, "outside", NULL);
	return 0;
}

static void
job_context_stands_in_every_line_of_the_job(void **state)
{
	cJSON *object;

	(void)state;
	log_child_collect(write_job);
	object = log_child_line(0);
	assert_string_equal(log_child_text(object, "correlationId"), "job-deviation-abc123");
	assert_string_equal(log_child_text(object, "jobId"), "deviation-abc123");
	assert_string_equal(log_child_text(object, "deviationId"), "abc123");
	assert_string_equal(log_child_text(object, "userId"), "nearer");
	assert_string_equal(log_child_text(object, "uploadMode"), "single");
	assert_true(log_child_number(object, "attemptNumber") == 1);
	assert_true(log_child_number(object, "maxAttempts") == 7);
	cJSON_Delete(object);
	object = log_child_line(1);
	assert_string_equal(log_child_text(object, "errorCategory"), "RATE_LIMIT");
	assert_true(log_child_number(object, "httpStatus") == 429);
	assert_string_equal(log_child_text(object, "error"), "stash/submit: too many requests");
	assert_true(log_child_number(object, "waitMs") == 5);
	assert_false(log_child_has(object, "userId"));
	cJSON_Delete(object);
	object = log_child_line(2); /* log_child_line() has seen to it that no name stands twice */
	assert_string_equal(log_child_text(object, "error"), "mine");
	assert_string_equal(log_child_text(object, "level"), "warn");
	assert_string_equal(log_child_text(object, "a"), "1");
	assert_true(log_child_number(object, "attemptNumber") == 9);
	cJSON_Delete(object);
	object = log_child_line(4);
	assert_false(log_child_has(object, "jobId"));
	assert_false(log_child_has(object, "correlationId"));
	cJSON_Delete(object);
}

static const char hostile[] =
	"\"},{\"x\":\"\\\n\r\t\b\f\x01\x1b[31m\x7f \xE2\x80\xA8\xE2\x80\xA9 \xFF\xC3 "
	"\xED\xA0\x80 \xF0\x9F\x8E\xA8 </script>";

static int
write_hostile(void)
{
	struct log_job job = {.job_id = hostile,
			      .deviation_id = hostile,
			      .user_id = hostile,
			      .upload_mode = hostile,
			      .attempt_number = 1,
			      .max_attempts = 1};

	log_job_begin(&job);
	log_event(LOG_INFO, hostile,
		  (struct log_field[]){LOG_STR("title", hostile), LOG_STR("k\"\n\xFF", "v"),
				       LOG_END});
	return 0;
}

static void
hostile_text_is_escaped_and_repaired(void **state)
{
	static const char *const keys[] = {"message", "title", "jobId", "deviationId", "userId"};
	char repaired[256];
	cJSON *object;

	(void)state;
	text_copy(repaired, sizeof(repaired), hostile);
	log_child_collect(write_hostile);
	assert_int_equal(log_child_count_lines(), 1);
	assert_null(strstr(log_child_got, "\xE2\x80\xA8"));
	assert_non_null(strstr(log_child_got, "\\u2028\\u2029"));
	object = log_child_line(0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		assert_string_equal(log_child_text(object, keys[i]), repaired);
	assert_string_equal(log_child_text(object, "k\"\n\xEF\xBF\xBD"), "v");
	cJSON_Delete(object);
}

static int
write_large(void)
{
	static const char *const patterns[] = {"a",
					       "\"",
					       "\n",
					       "\x01",
					       "\xFF",
					       "\xE2\x82\xAC",
					       "\xF0\x9F\x8E\xA8",
					       "x\\\xE2\x80\xA8"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		char *text = log_child_large(1 << 20, patterns[i]);
		struct log_job job = {.job_id = text,
				      .deviation_id = text,
				      .user_id = text,
				      .upload_mode = text,
				      .attempt_number = 2147483647,
				      .max_attempts = 2147483647};
		struct failure why;

		failure_set(&why, FAILURE_REFRESH_TOKEN_EXPIRED, "%s", text);
		why.http_status = 599;
		log_job_begin(&job);
		log_failure(LOG_INFO, text, &why,
			    (struct log_field[]){LOG_STR("a", text), LOG_STR("b", text),
						 LOG_STR("c", text), LOG_INT("n", 1), LOG_END});
		log_job_end();
		free(text);
	}
	return log_dropped() == 0 ? 0 : 1;
}

static void
megabytes_are_cut_and_the_line_stays_json(void **state)
{
	(void)state;
	log_child_collect(write_large);
	for (size_t i = 0; i < 8; i++) {
		cJSON *object = log_child_line(i);

		assert_true(cJSON_IsTrue(cJSON_GetObjectItem(object, "truncated")));
		assert_true(strlen(log_child_text(object, "message")) > 200);
		assert_true(strlen(log_child_text(object, "jobId")) > 20);
		assert_non_null(log_child_text(object, "errorCategory"));
		assert_non_null(log_child_text(object, "error"));
		cJSON_Delete(object);
	}
	assert_int_equal(log_child_count_lines(), 8);
}

/* Every length of a message and a field: nothing special happens at any boundary. */
static int
write_growing(void)
{
	for (size_t size = 0; size < 1500; size += 3) {
		char *text = log_child_large(size, "a\"\xE2\x82\xAC");

		log_child_surely(text,
				 (struct log_field[]){LOG_STR("a", text), LOG_STR("b", text),
						      LOG_STR("c", text), LOG_INT("n", 123456789),
						      LOG_BOOL("t", 1), LOG_END});
		free(text);
	}
	return 0;
}

static void
lines_of_every_length_are_valid(void **state)
{
	char *at = log_child_got;

	(void)state;
	log_child_got[0] = '\0';
	log_child_collect(write_growing);
	assert_int_equal(log_child_count_lines(), 500);
	while (*at != '\0') {
		char *end = strchr(at, '\n');
		cJSON *object;

		assert_non_null(end);
		*end = '\0';
		assert_true(end - at < LINE_MAX_BYTES);
		object = cJSON_ParseWithOpts(at, NULL, 1);
		assert_non_null(object);
		cJSON_Delete(object);
		at = end + 1;
	}
}

static int
set_levels(void)
{
	log_setup(LOG_ERROR);
	log_event(LOG_WARN, "hidden", NULL);
	if (log_enabled(LOG_WARN) || !log_enabled(LOG_ERROR))
		return 1;
	log_setup(LOG_DEBUG);
	log_event(LOG_DEBUG, "shown", NULL);
	return log_enabled(LOG_DEBUG) ? 0 : 1;
}

static void
level_follows_a_reload(void **state)
{
	(void)state;
	log_child_collect(set_levels);
	assert_int_equal(log_child_count_lines(), 1);
	assert_non_null(strstr(log_child_got, "shown"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_the_members_of_the_contract),
		cmocka_unit_test(job_context_stands_in_every_line_of_the_job),
		cmocka_unit_test(hostile_text_is_escaped_and_repaired),
		cmocka_unit_test(megabytes_are_cut_and_the_line_stays_json),
		cmocka_unit_test(lines_of_every_length_are_valid),
		cmocka_unit_test(level_follows_a_reload),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

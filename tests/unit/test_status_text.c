/*
 * status_text.c: what people read, whatever was received.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/status_duration.h"
#include "health/status_text.h"

static char *text;
static size_t text_size;

static const char *
told(const char *json, const char *before, int64_t between_ms)
{
	FILE *out;

	free(text);
	text = NULL;
	out = open_memstream(&text, &text_size);
	assert_non_null(out);
	assert_true(status_text(out, json, before, between_ms));
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
assert_told(const char *json, const char *needle)
{
	if (strstr(told(json, NULL, 0), needle) == NULL)
		fail_msg("\"%s\" is not in:\n%s", needle, text);
}

static void
a_pool_at_work_is_told_line_by_line(void **state)
{
	(void)state;
	assert_string_equal(
		told("{\"status\":\"ready\",\"version\":\"1.0.0\",\"pid\":42,\"uptime\":3725,"
		     "\"worker\":{\"activeJobs\":1},\"redis\":{\"connected\":true},"
		     "\"postgres\":{\"connected\":true},\"workerRestarts\":2,"
		     "\"pool\":{\"phase\":\"serving\",\"workersReady\":2,\"concurrency\":2},"
		     "\"queue\":{\"isPaused\":false,\"oldestDueMs\":42000,\"waiting\":340,"
		     "\"prioritized\":1,\"delayed\":7,\"active\":1},"
		     "\"circuits\":{\"open\":1,\"half_open\":0},"
		     "\"jobs\":{\"completed\":9,\"failed\":1,\"retried\":2,\"deferred\":3},"
		     "\"errors\":{\"RATE_LIMIT\":3,\"UNKNOWN\":0,\"NETWORK_ERROR\":1},"
		     "\"slots\":[{\"slot\":0,\"role\":\"dispatcher\",\"activity\":\"running\"},"
		     "{\"slot\":1,\"role\":\"worker\",\"activity\":\"uploading\",\"forMs\":2500,"
		     "\"job\":{\"id\":\"deviation-x\",\"attempt\":2,\"forMs\":61000,"
		     "\"deadlineInMs\":7260000}},"
		     "{\"slot\":2,\"role\":\"worker\",\"activity\":\"idle\",\"forMs\":90000}]}",
		     "{\"jobs\":{\"completed\":4}}", 2000),
		"publisher  ready, version 1.0.0, pid 42, up 1 h 2 min\n"
		"servers    Redis up, PostgreSQL up\n"
		"pool       serving, 2 of 2 workers up, 1 busy, 2 replaced\n"
		"queue      340 waiting, 1 prioritized, 7 delayed, 1 active\n"
		"           oldest due 42 s ago\n"
		"circuits   1 open, 0 half open\n"
		"jobs       9 completed, 1 failed, 2 retried, 3 deferred; 2.5 completed/s\n"
		"errors     RATE_LIMIT 3, NETWORK_ERROR 1\n"
		"\n"
		"  slot  doing             since  job\n"
		"     1  uploading         2.5 s  deviation-x, attempt 2, for 1 min 1 s, at most 2 "
		"h 1 min "
		"more\n"
		"     2  idle         1 min 30 s\n");
}

static void
what_is_wrong_is_told_loudly(void **state)
{
	(void)state;
	assert_told("{\"status\":\"not_ready\",\"error\":\"Redis is away: refused\"}", "NOT READY");
	assert_told("{\"status\":\"not_ready\",\"error\":\"Redis is away: refused\"}",
		    "Redis is away: refused\n");
	assert_told("{\"operatorFault\":\"check the key\"}", "operator   check the key\n");
	assert_told("{\"queue\":{\"isPaused\":true}}", "PAUSED");
	assert_told("{\"queue\":null,\"circuits\":null}",
		    "queue      unknown\ncircuits   unknown\n");
}

static void
what_is_missing_or_of_another_type_is_borne(void **state)
{
	static const char *const odd[] = {
		"{}",
		"[]",
		"7",
		"null",
		"{\"slots\":{\"a\":1}}",
		"{\"slots\":[1,\"x\",null,[]]}",
		"{\"pid\":-1e300,\"uptime\":1e308}",
		"{\"jobs\":[],\"errors\":[3],\"queue\":{\"waiting\":\"x\"}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_told(odd[i], "publisher");
	assert_false(status_text(stdout, "no json", NULL, 0));
	assert_false(status_text(stdout, "", "{}", 0));
}

static void
nothing_that_a_terminal_obeys_comes_through(void **state)
{
	(void)state;
	told("{\"version\":\"\\u001b[2J\\u009b\",\"error\":\"a\\nb\",\"errors\":{\"\\u0007\":1},"
	     "\"slots\":[{\"activity\":\"\\u001b\",\"job\":{\"id\":\"\\u001b]0;x\\u0007\"}}]}",
	     NULL, 0);
	for (size_t i = 0; i < text_size; i++)
		assert_true(text[i] == '\n' || (unsigned char)text[i] >= ' ');
	assert_null(strstr(text, "\xC2\x9B"));
}

/* A publisher that was started anew counts from 0. */
static void
a_rate_is_never_negative(void **state)
{
	(void)state;
	told("{\"jobs\":{\"completed\":1}}", "{\"jobs\":{\"completed\":100}}", 2000);
	assert_null(strstr(text, "/s"));
}

static void
durations_are_in_units_that_fit(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{-5, "0.0 s"},
		{0, "0.0 s"},
		{950, "0.9 s"},
		{9999, "9.9 s"},
		{10000, "10 s"},
		{59999, "59 s"},
		{60000, "1 min 0 s"},
		{3599999, "59 min 59 s"},
		{3600000, "1 h 0 min"},
		{86400000, "1 d 0 h"},
		{INT64_MAX, "106751991167 d 7 h"},
	};
	char out[STATUS_DURATION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(status_duration(rows[i].ms, out), rows[i].text);
}

static int
forget(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_at_work_is_told_line_by_line),
		cmocka_unit_test(what_is_wrong_is_told_loudly),
		cmocka_unit_test(what_is_missing_or_of_another_type_is_borne),
		cmocka_unit_test(nothing_that_a_terminal_obeys_comes_through),
		cmocka_unit_test(a_rate_is_never_negative),
		cmocka_unit_test(durations_are_in_units_that_fit),
	};

	return cmocka_run_group_tests_name("status_text", tests, NULL, forget);
}

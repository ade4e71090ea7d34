/*
 * test_queue_job.c - decoding of claimed jobs and their options, JSON checking.   [tests]
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "common/queue/queue_internal.h"

#define FIELDS 16

/* A reply as hiredis would give it, without its allocations. */
struct fake {
	redisReply id, started, fields, field[FIELDS];
	redisReply *pointers[FIELDS];
};

static void
set_text(redisReply *reply, const char *text, size_t size)
{
	*reply = (redisReply){.type = text != NULL ? REDIS_REPLY_STRING : REDIS_REPLY_NIL,
			      .str = (char *)(uintptr_t)text,
			      .len = size};
}

static void
put(struct fake *fake, int index, const char *text)
{
	set_text(&fake->field[index], text, text != NULL ? strlen(text) : 0);
}

/* Of the producer. */
static const char usual_options[] =
	"{\"removeOnComplete\":{\"age\":3600,\"count\":1000},\"removeOnFail\":{\"age\":86400,"
	"\"count\":5000},\"jobId\":\"deviation-1\",\"priority\":5,\"delay\":0,\"attempts\":7}";

/* What lua/fetch.lua gives for the producer's usual job. */
static void
usual(struct fake *fake)
{
	static const char *const values[FIELDS] = {
		"publish-deviation",
		"{\"deviationId\":\"x\"}",
		usual_options,
		"1795513820407",
		"0",
		"5",
		NULL,
		NULL,
		"1",
		NULL,
		NULL,
		NULL,
		"1795513820412",
		NULL,
		NULL,
		NULL,
	};

	memset(fake, 0, sizeof(*fake));
	set_text(&fake->id, "deviation-1", 11);
	set_text(&fake->started, "1", 1);
	for (int i = 0; i < FIELDS; i++) {
		put(fake, i, values[i]);
		fake->pointers[i] = &fake->field[i];
	}
	fake->fields = (redisReply){
		.type = REDIS_REPLY_ARRAY, .elements = FIELDS, .element = fake->pointers};
}

enum {
	NAME,
	DATA,
	OPTS,
	TIMESTAMP,
	DELAY,
	PRIORITY,
	ATM,
	ATTEMPTS_MADE,
	ATS,
	STACK,
	DEFA,
	RJK,
	CLAIMED,
	STC,
	STALLED_COUNTER,
	CLAIMED_BEFORE
};

static struct queue_job *
decode(const struct fake *fake)
{
	struct queue_job *job = queue_job_decode(&fake->id, &fake->started, &fake->fields, 7);

	assert_non_null(job);
	return job;
}

static struct queue_job *
with_options(const char *opts)
{
	struct fake fake;

	usual(&fake);
	put(&fake, OPTS, opts);
	return decode(&fake);
}

static void
the_usual_job_is_read(void **state)
{
	struct fake fake;
	struct queue_job *job;

	(void)state;
	usual(&fake);
	job = decode(&fake);
	assert_string_equal(job->id, "deviation-1");
	assert_string_equal(job->name, "publish-deviation");
	assert_string_equal(job->data, "{\"deviationId\":\"x\"}");
	assert_null(job->deferred_failure);
	assert_null(job->scheduler_id);
	assert_int_equal(job->timestamp_ms, 1795513820407);
	assert_int_equal(job->claimed_ms, 1795513820412);
	assert_int_equal(job->priority, 5);
	assert_int_equal(job->attempts_started, 1);
	assert_int_equal(job->attempts_made, 0);
	assert_int_equal(job->max_attempts, 7);
	assert_int_equal(job->backoff.kind, QUEUE_BACKOFF_NONE);
	assert_false(job->options_broken);
	assert_int_equal(job->options->complete.count, 1000);
	assert_true(job->options->complete.age_s == 3600);
	assert_int_equal(job->options->complete.limit, 1000);
	assert_int_equal(job->options->fail.count, 5000);
	assert_int_equal(job->options->stack_limit, -1);
	assert_int_equal(job->options->keep_logs, 0);
	queue_job_free(job);
}

/* bullmq-protocol.md 9.5: Job.retry() takes the times away; what tells of attempts may stay. */
static void
a_retry_by_hand_is_told_from_a_claim_that_was_lost(void **state)
{
	static const struct {
		const char *started, *before, *stack;
		bool by_hand;
	} cases[] = {
		{"1", NULL, NULL, false},
		{"2", "1795513820412", NULL, false},
		{"2", "1795513820412", "[\"Error\"]", false},
		{"2", NULL, NULL, true},
		{"2", NULL, "[\"Error\"]", true},
		{"1", NULL, "[\"Error\"]", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct queue_job *job;
		struct fake fake;

		usual(&fake);
		set_text(&fake.started, cases[i].started, 1);
		put(&fake, STACK, cases[i].stack);
		put(&fake, CLAIMED_BEFORE, cases[i].before);
		job = decode(&fake);
		assert_int_equal(job->retried_by_hand, cases[i].by_hand);
		queue_job_free(job);
	}
}

static void
absent_fields_have_defaults(void **state)
{
	struct fake fake;
	struct queue_job *job;

	(void)state;
	usual(&fake);
	for (int i = 0; i < FIELDS; i++)
		put(&fake, i, NULL);
	job = decode(&fake);
	assert_string_equal(job->name, "");
	assert_string_equal(job->data, "");
	assert_int_equal(job->priority, 0);
	assert_int_equal(job->max_attempts, 7);
	assert_false(job->options_broken);
	assert_int_equal(job->options->complete.count, -1);
	assert_true(job->options->complete.age_s < 0);
	queue_job_free(job);
}

static void
nonsense_in_numbers_is_survived(void **state)
{
	static const char *const bad[] = {"",     "x",     "nan", "inf",
					  "-inf", "1e400", "-5",  "99999999999999999999",
					  "0x10", "1.9"};
	struct fake fake;
	struct queue_job *job;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		usual(&fake);
		for (int at = TIMESTAMP; at <= ATS; at++)
			put(&fake, at, bad[i]);
		set_text(&fake.started, bad[i], strlen(bad[i]));
		job = decode(&fake);
		assert_in_range(job->priority, 0, 2097151);
		assert_true(job->timestamp_ms >= 0 && job->delay_ms >= 0 &&
			    job->attempts_made >= 0 && job->attempts_started >= 0);
		queue_job_free(job);
	}
}

static void
attempts_of_all_versions_add_up(void **state)
{
	struct fake fake;
	struct queue_job *job;

	(void)state;
	usual(&fake);
	put(&fake, ATM, "2");
	job = decode(&fake);
	assert_int_equal(job->attempts_made, 2);
	queue_job_free(job);
	put(&fake, ATTEMPTS_MADE, "3");
	job = decode(&fake);
	assert_int_equal(job->attempts_made, 5);
	queue_job_free(job);
	put(&fake, ATM, NULL);
	job = decode(&fake);
	assert_int_equal(job->attempts_made, 3);
	queue_job_free(job);
}

static void
ids_and_texts_are_bytes(void **state)
{
	static const char id[] = "a:b*\n\"'\0\xff";
	struct fake fake;
	struct queue_job *job;

	(void)state;
	usual(&fake);
	set_text(&fake.id, id, sizeof(id) - 1);
	set_text(&fake.field[DATA], "{}\0{}", 5);
	put(&fake, DEFA, "stalled");
	put(&fake, RJK, "every-day");
	job = decode(&fake);
	assert_int_equal(job->options->id_size, sizeof(id) - 1);
	assert_memory_equal(job->id, id, sizeof(id));
	assert_string_equal(job->data, "");
	assert_string_equal(job->deferred_failure, "stalled");
	assert_string_equal(job->scheduler_id, "every-day");
	queue_job_free(job);
}

static void
other_replies_are_no_jobs(void **state)
{
	struct fake fake;

	(void)state;
	usual(&fake);
	fake.fields.elements = FIELDS - 1;
	assert_null(queue_job_decode(&fake.id, &fake.started, &fake.fields, 7));
	usual(&fake);
	fake.fields.type = REDIS_REPLY_STRING;
	assert_null(queue_job_decode(&fake.id, &fake.started, &fake.fields, 7));
	usual(&fake);
	fake.id.type = REDIS_REPLY_NIL;
	assert_null(queue_job_decode(&fake.id, &fake.started, &fake.fields, 7));
	queue_job_free(NULL);
}

static void
attempts_are_read(void **state)
{
	static const struct {
		const char *opts;
		int attempts;
		bool broken;
	} cases[] = {
		{"{\"attempts\":3}", 3, false},
		{"{\"attempts\":1}", 1, false},
		{"{\"attempts\":0}", 7, false},
		{"{}", 7, false},
		{"{\"attempts\":-1}", 7, false},
		{"{\"attempts\":\"3\"}", 7, false},
		{"{\"attempts\":2.9}", 2, false},
		{"{\"attempts\":1e300}", INT_MAX, false},
		{"[]", 7, true},
		{"{\"attempts\":3", 7, true},
		{"null", 7, true},
		{"", 7, true},
		{"{\"attempts\":3} x", 7, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct queue_job *job = with_options(cases[i].opts);

		assert_int_equal(job->max_attempts, cases[i].attempts);
		assert_int_equal(job->options_broken, cases[i].broken);
		queue_job_free(job);
	}
}

static void
retention_is_read(void **state)
{
	static const struct {
		const char *value;
		int64_t count;
		double age_s;
		int64_t limit;
	} cases[] = {
		{"true", 0, -1, 1000},
		{"false", -1, -1, 1000},
		{"null", -1, -1, 1000},
		{"0", 0, -1, 1000},
		{"5", 5, -1, 1000},
		{"-1", -1, -1, 1000},
		{"\"5\"", -1, -1, 1000},
		{"{}", -1, -1, 1000},
		{"{\"count\":0}", 0, -1, 1000},
		{"{\"age\":0}", -1, 0, 1000},
		{"{\"age\":1.5,\"limit\":10}", -1, 1.5, 10},
		{"{\"age\":3600,\"count\":2}", 2, 3600, 1000},
		{"{\"age\":-1,\"limit\":0}", -1, -1, 1000},
	};
	char opts[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct queue_job *job;

		snprintf(opts, sizeof(opts), "{\"removeOnComplete\":%s}", cases[i].value);
		job = with_options(opts);
		assert_int_equal(job->options->complete.count, cases[i].count);
		assert_true(job->options->complete.age_s == cases[i].age_s);
		assert_int_equal(job->options->complete.limit, cases[i].limit);
		assert_int_equal(job->options->fail.count, -1);
		queue_job_free(job);
	}
}

static void
backoff_is_read(void **state)
{
	static const struct {
		const char *value;
		int kind;
		int64_t delay_ms;
		double jitter;
	} cases[] = {
		{"{\"type\":\"fixed\",\"delay\":1000}", QUEUE_BACKOFF_FIXED, 1000, 0},
		{"{\"type\":\"exponential\",\"delay\":5000,\"jitter\":0.5}",
		 QUEUE_BACKOFF_EXPONENTIAL, 5000, 0.5},
		{"{\"type\":\"exponential\",\"delay\":1,\"jitter\":7}", QUEUE_BACKOFF_EXPONENTIAL,
		 1, 1},
		{"{\"type\":\"own\"}", QUEUE_BACKOFF_UNKNOWN, 0, 0},
		{"{\"delay\":-4}", QUEUE_BACKOFF_UNKNOWN, 0, 0},
		{"250", QUEUE_BACKOFF_FIXED, 250, 0},
		{"\"fixed\"", QUEUE_BACKOFF_NONE, 0, 0},
		{"null", QUEUE_BACKOFF_NONE, 0, 0},
	};
	char opts[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct queue_job *job;

		snprintf(opts, sizeof(opts), "{\"backoff\":%s}", cases[i].value);
		job = with_options(opts);
		assert_int_equal(job->backoff.kind, cases[i].kind);
		assert_int_equal(job->backoff.delay_ms, cases[i].delay_ms);
		assert_true(job->backoff.jitter == cases[i].jitter);
		queue_job_free(job);
	}
}

static void
stack_traces_grow_and_are_cut(void **state)
{
	static const struct {
		const char *stored, *opts, *entry, *expected;
	} cases[] = {
		{NULL, "{}", "", "[\"Error: boom \\\"1\\\"\"]"},
		{NULL, "{}", "Error: x\n    at y", "[\"Error: x\\n    at y\"]"},
		{"[\"a\",\"b\"]", "{}", "c", "[\"a\",\"b\",\"c\"]"},
		{"[\"a\",\"b\"]", "{\"stackTraceLimit\":2}", "c", "[\"b\",\"c\"]"},
		{"[\"a\",\"b\"]", "{\"stackTraceLimit\":0}", "c", "[]"},
		{"[\"a\",1]", "{}", "c", "[\"c\"]"},
		{"{\"a\":\"b\"}", "{}", "c", "[\"c\"]"},
		{"not JSON", "{}", "c", "[\"c\"]"},
		{"null", "{}", "c", "[\"c\"]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		struct queue_job *job;
		char *json;

		usual(&fake);
		put(&fake, STACK, cases[i].stored);
		put(&fake, OPTS, cases[i].opts);
		job = decode(&fake);
		json = queue_options_stacktrace(job, "boom \"1\"", cases[i].entry);
		assert_string_equal(json, cases[i].expected);
		assert_true(queue_json_is_valid(json));
		free(json);
		queue_job_free(job);
	}
}

static void
json_is_told_from_what_only_looks_like_it(void **state)
{
	static const char *const good[] = {
		"null",
		"true",
		"false",
		"0",
		"-0",
		"-1.5e+10",
		"1E5",
		"\"\"",
		"\"\\u00e9\\n\\\\\\/\"",
		"\"\xc3\xa9\"",
		"[]",
		"{}",
		" [ 1 , [ ] , { \"a\" : { } } ] \n",
		"{\"a\":1,\"b\":[true]}",
		"[[[[]]],{}]",
	};
	static const char *const bad[] = {
		"",     " ",         "undefined", "NaN",         "nul",    "truex",
		"01",   "+1",        "1.",        ".5",          "1e",     "-",
		"'a'",  "\"a",       "\"\\x\"",   "\"\\u12g4\"", "\"\n\"", "\"\t\"",
		"[",    "]",         "[1,]",      "[,1]",        "[1 2]",  "{",
		"}",    "{\"a\"}",   "{\"a\":}",  "{\"a\":1,}",  "{a:1}",  "{1:2}",
		"[1}",  "{\"a\":1]", "1 2",       "[] []",       "{}x",    "\"a\" \"b\"",
		"[1],", "\\",
	};
	char deep[1200];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!queue_json_is_valid(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (queue_json_is_valid(bad[i]))
			fail_msg("taken: %s", bad[i]);
	memset(deep, '[', 512);
	memset(deep + 512, ']', 512);
	deep[1024] = '\0';
	assert_true(queue_json_is_valid(deep));
	memset(deep, '[', 513);
	memset(deep + 513, ']', 513);
	deep[1026] = '\0';
	assert_false(queue_json_is_valid(deep));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_job_is_read),
		cmocka_unit_test(a_retry_by_hand_is_told_from_a_claim_that_was_lost),
		cmocka_unit_test(absent_fields_have_defaults),
		cmocka_unit_test(nonsense_in_numbers_is_survived),
		cmocka_unit_test(attempts_of_all_versions_add_up),
		cmocka_unit_test(ids_and_texts_are_bytes),
		cmocka_unit_test(other_replies_are_no_jobs),
		cmocka_unit_test(attempts_are_read),
		cmocka_unit_test(retention_is_read),
		cmocka_unit_test(backoff_is_read),
		cmocka_unit_test(stack_traces_grow_and_are_cut),
		cmocka_unit_test(json_is_told_from_what_only_looks_like_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

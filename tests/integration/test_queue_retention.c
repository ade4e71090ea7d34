/*
 * test_queue_retention.c - what is kept, counted and told to parents when a job ends
 * (bullmq-protocol 8.2, 14, 15).   [tests]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/integration/queue_bench.h"

static void
finished_jobs_are_kept_by_count(void **state)
{
	char id[16];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "old-%d", i);
		ask("HSET bull:q:%s name n", id);
		ask("RPUSH bull:q:%s:logs row", id);
		ask("ZADD bull:q:completed %d %s", i + 1, id);
	}
	plant("a", "{\"removeOnComplete\":3}", 0);
	complete(claim("t", "a"), "t");
	assert_ask("old-8 old-9 a", "ZRANGE bull:q:completed 0 -1");
	assert_ask("0", "EXISTS bull:q:old-7 bull:q:old-7:logs bull:q:old-0");
	assert_ask("2", "EXISTS bull:q:old-8 bull:q:old-8:logs");
	plant("b", "{\"removeOnComplete\":true}", 0);
	complete(claim("t", "b"), "t");
	assert_ask("0", "EXISTS bull:q:b");
	assert_ask("3", "ZCARD bull:q:completed");
	assert_non_null(strstr(events(), "completed b active"));
}

static void
finished_jobs_are_kept_by_age(void **state)
{
	long long old_ms = (long long)now_ms() - 120000;

	(void)state;
	for (int i = 0; i < 5; i++) {
		ask("HSET bull:q:old-%d name n", i);
		ask("ZADD bull:q:failed %lld old-%d", old_ms + i, i);
	}
	ask("ZADD bull:q:failed %lld young", (long long)now_ms() - 1000);
	/* Newest first, at most two. */
	plant("a", "{\"removeOnFail\":{\"age\":60,\"limit\":2}}", 0);
	fail_job(claim("t", "a"), "t", "x");
	assert_ask("old-0 old-1 old-2 young a", "ZRANGE bull:q:failed 0 -1");
	assert_ask("0", "EXISTS bull:q:old-3 bull:q:old-4");
	plant("b", "{\"removeOnFail\":{\"age\":60,\"count\":2}}", 0);
	fail_job(claim("t", "b"), "t", "x");
	assert_ask("2", "ZCARD bull:q:failed");
	assert_ask("0", "EXISTS bull:q:old-0 bull:q:old-1 bull:q:old-2");
}

static void
a_huge_surplus_is_trimmed_in_pieces(void **state)
{
	(void)state;
	ask("EVAL for\ti=1,12000\tdo\tredis.call('ZADD','bull:q:completed',i,'old'..i)\tend 0");
	plant("a", "{\"removeOnComplete\":100}", 0);
	plant("b", "{\"removeOnComplete\":100}", 0);
	plant("c", "{\"removeOnComplete\":100}", 0);
	complete(claim("t", "a"), "t");
	assert_ask("7001", "ZCARD bull:q:completed");
	complete(claim("t", "b"), "t");
	complete(claim("t", "c"), "t");
	assert_ask("100", "ZCARD bull:q:completed");
	assert_ask("c", "ZRANGE bull:q:completed -1 -1");
}

static void
metrics_count_by_minutes(void **state)
{
	struct queue_settings settings = bench_settings();

	(void)state;
	settings.metrics_minutes = 3;
	bench_open(&settings);
	for (int i = 0; i < 5; i++)
		plant((const char *[]){"a", "b", "c", "d", "e"}[i], "{}", 0);
	complete(claim("t", "a"), "t");
	complete(claim("t", "b"), "t");
	ask("HSET bull:q:metrics:completed prevTS %lld", (long long)now_ms() - 10 * 60000);
	complete(claim("t", "c"), "t");
	complete(claim("t", "d"), "t");
	assert_ask("4 2", "HMGET bull:q:metrics:completed count prevCount");
	assert_ask("0 0 2", "LRANGE bull:q:metrics:completed:data 0 -1");
	fail_job(claim("t", "e"), "t", "x");
	assert_ask("1 0", "HMGET bull:q:metrics:failed count prevCount");
}

static void
the_event_stream_is_trimmed(void **state)
{
	(void)state;
	ask("HSET bull:q:meta opts.maxLenEvents 50");
	for (int i = 0; i < 400; i++)
		ask("XADD bull:q:events * event noise n %d", i);
	plant("a", "{}", 0);
	complete(claim("t", "a"), "t");
	assert_in_range(strtoll(ask("XLEN bull:q:events"), NULL, 10), 50, 250);
	assert_non_null(strstr(events(), "completed a active, drained"));
	/* Written where nobody has. */
	ask("HDEL bull:q:meta opts.maxLenEvents");
	plant("b", "{}", 0);
	complete(claim("t", "b"), "t");
	assert_ask("10000", "HGET bull:q:meta opts.maxLenEvents");
}

/* A parent in another queue, in waiting-children, with two children here. */
static void
plant_family(const char *flags)
{
	ask("HSET bull:other:p name parent priority 0 delay 0");
	ask("ZADD bull:other:waiting-children 1 p");
	for (int i = 1; i <= 2; i++) {
		char id[16];

		snprintf(id, sizeof(id), "c%d", i);
		plant(id, "{\"attempts\":1}", 0);
		ask("SADD bull:other:p:dependencies bull:q:%s", id);
		ask("HSET bull:q:%s parentKey bull:other:p parent "
		    "{\"id\":\"p\",\"queueKey\":\"bull:other\"%s}",
		    id, flags);
	}
}

static void
parents_in_other_queues_are_released(void **state)
{
	(void)state;
	plant_family("");
	complete(claim("t", "c1"), "t");
	assert_ask("0", "EXISTS bull:other:wait");
	complete(claim("t", "c2"), "t");
	assert_ask("p", "LRANGE bull:other:wait 0 -1");
	assert_ask("0", "EXISTS bull:other:waiting-children bull:other:p:dependencies");
	assert_ask("null null", "HMGET bull:other:p:processed bull:q:c1 bull:q:c2");
	assert_ask("0 0", "ZRANGE bull:other:marker 0 -1 WITHSCORES");
	assert_non_null(strstr(ask("XRANGE bull:other:events - +"),
			       "event waiting jobId p prev waiting-children"));
}

static void
flags_of_bullmq_before_5_49_are_found_in_the_options(void **state)
{
	(void)state;
	plant_family("");
	ask("HSET bull:q:c1 opts {\"fpof\":true}");
	fail_job(claim("t", "c1"), "t", "boom");
	assert_ask("child bull:q:c1 failed", "HGET bull:other:p defa");
	assert_ask("p", "LRANGE bull:other:wait 0 -1");
	assert_ask("bull:q:c1", "ZRANGE bull:other:p:unsuccessful 0 -1");
}

static void
a_broken_parent_field_breaks_nothing(void **state)
{
	(void)state;
	plant_family("");
	ask("HSET bull:q:c1 parent not-json");
	ask("HDEL bull:q:c2 parent");
	complete(claim("t", "c1"), "t");
	fail_job(claim("t", "c2"), "t", "boom");
	assert_ask("bull:q:c2", "SMEMBERS bull:other:p:dependencies");
	assert_ask("null", "HGET bull:other:p:processed bull:q:c1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
		TEST(finished_jobs_are_kept_by_count),
		TEST(finished_jobs_are_kept_by_age),
		TEST(a_huge_surplus_is_trimmed_in_pieces),
		TEST(metrics_count_by_minutes),
		TEST(the_event_stream_is_trimmed),
		TEST(parents_in_other_queues_are_released),
		TEST(flags_of_bullmq_before_5_49_are_found_in_the_options),
		TEST(a_broken_parent_field_breaks_nothing),
	};

	return cmocka_run_group_tests(tests, bench_set_up_server, bench_tear_down_server);
}

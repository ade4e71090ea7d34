/*
 * test_queue_stalled.c - the stalled check (bullmq-protocol 11.2).   [tests]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/integration/queue_bench.h"

static struct queue_stalled
check_stalled(void)
{
	struct queue_stalled out = {0};

	ask("DEL bull:q:stalled-check");
	if (!queue_check_stalled(bench_queue, 60000, &out, &bench_why))
		fail_msg("%s", bench_why.message);
	assert_true(out.ran);
	return out;
}

static void
a_stalled_job_is_recovered_at_the_second_check(void **state)
{
	struct queue_stalled got = {0};

	(void)state;
	plant("a", "{}", 5);
	plant("b", "{}", 0);
	queue_job_free(claim("t", "b"));
	queue_job_free(claim("t", "a"));
	ask("DEL bull:q:a:lock");
	forget_events();
	assert_int_equal(check_stalled().recovered, 0);
	assert_ask("2", "SCARD bull:q:stalled");
	assert_true(queue_check_stalled(bench_queue, 60000, &got, &bench_why));
	assert_false(got.ran);
	/* Who is throttled is told when it is over: asked a moment too early, a check is left out.
	 */
	assert_in_range(got.again_ms, 50000, 60000);
	assert_in_range(llabs(got.again_ms - strtoll(ask("PTTL bull:q:stalled-check"), NULL, 10)),
			0, 2000);
	got = check_stalled();
	assert_int_equal(got.recovered, 1);
	assert_in_range(got.again_ms, 59000, 60000);
	/* The consuming end, also for a prioritized job. */
	assert_ask("a", "LRANGE bull:q:wait 0 -1");
	assert_ask("b", "LRANGE bull:q:active 0 -1");
	assert_ask("1", "HGET bull:q:a stc");
	assert_string_equal(events(), "waiting a active, stalled a");
	assert_in_range(strtoll(ask("PTTL bull:q:stalled-check"), NULL, 10), 50000, 60000);
}

static void
an_id_that_never_started_is_returned_without_counting(void **state)
{
	(void)state;
	plant("a", "{}", 0);
	ask("RPOPLPUSH bull:q:wait bull:q:active");
	ask("LPUSH bull:q:active ghost 0:0");
	for (int i = 0; i < 5; i++) {
		check_stalled();
		check_stalled();
		assert_ask("a", "LRANGE bull:q:wait 0 -1");
		assert_ask("(nil) (nil)", "HMGET bull:q:a stc defa");
		assert_ask("0", "EXISTS bull:q:active bull:q:ghost");
		ask("RPOPLPUSH bull:q:wait bull:q:active");
	}
}

static void
stall(const char *id)
{
	queue_job_free(claim("t", id));
	ask("DEL bull:q:%s:lock", id);
	check_stalled();
}

static void
over_the_limit_the_next_claimer_fails_it(void **state)
{
	struct queue_job *job;

	(void)state;
	plant("a", "{\"attempts\":7}", 0);
	/* What older versions counted counts as well. */
	ask("HSET bull:q:a stalledCounter 1");
	stall("a");
	assert_int_equal(check_stalled().recovered, 1);
	job = claim("t", "a");
	assert_string_equal(job->deferred_failure, "job stalled more than allowable limit");
	fail_job(job, "t", job->deferred_failure);
	assert_ask("(nil)", "HGET bull:q:a defa");
	assert_ask("a", "ZRANGE bull:q:failed 0 -1");
}

static void
over_the_limit_old_versions_need_it_failed_at_once(void **state)
{
	struct queue_stalled got;

	(void)state;
	ask("HSET bull:q:meta version bullmq:5.35.0");
	for (int i = 0; i < 4; i++)
		ask("ZADD bull:q:failed %d old-%d", i, i);
	plant("a", "{\"attempts\":7,\"removeOnFail\":2}", 0);
	stall("a");
	assert_int_equal(check_stalled().recovered, 1);
	stall("a");
	forget_events();
	got = check_stalled();
	assert_int_equal(got.failed, 1);
	assert_int_equal(got.recovered, 0);
	assert_ask("job stalled more than allowable limit 2 (nil) (nil)",
		   "HMGET bull:q:a failedReason stc atm defa");
	assert_ask("old-3 a", "ZRANGE bull:q:failed 0 -1");
	assert_ask("0", "EXISTS bull:q:active bull:q:wait");
	assert_string_equal(events(), "failed a active");
}

static void
the_run_of_a_schedule_is_never_failed_so(void **state)
{
	(void)state;
	plant("a", "{}", 0);
	ask("HSET bull:q:a rjk daily stc 5");
	ask("ZADD bull:q:repeat 1 daily");
	stall("a");
	assert_int_equal(check_stalled().recovered, 1);
	assert_ask("6 (nil)", "HMGET bull:q:a stc defa");
}

static void
a_stalled_job_of_a_paused_queue_stays_paused(void **state)
{
	(void)state;
	ask("HSET bull:q:meta version bullmq:5.81.5");
	plant("a", "{}", 0);
	stall("a");
	ask("HSET bull:q:meta paused 1");
	ask("DEL bull:q:marker");
	assert_int_equal(check_stalled().recovered, 1);
	assert_ask("a", "LRANGE bull:q:paused 0 -1");
	assert_ask("0", "EXISTS bull:q:wait bull:q:marker");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
		TEST(a_stalled_job_is_recovered_at_the_second_check),
		TEST(an_id_that_never_started_is_returned_without_counting),
		TEST(over_the_limit_the_next_claimer_fails_it),
		TEST(over_the_limit_old_versions_need_it_failed_at_once),
		TEST(the_run_of_a_schedule_is_never_failed_so),
		TEST(a_stalled_job_of_a_paused_queue_stays_paused),
	};

	return cmocka_run_group_tests(tests, bench_set_up_server, bench_tear_down_server);
}

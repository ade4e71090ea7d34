/*
 * test_queue_claim.c - taking jobs (bullmq-protocol 7, 12).            [tests]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/integration/queue_bench.h"

static void
a_claim_leaves_what_bullmq_leaves(void **state)
{
	struct queue_job *job;
	int64_t before_ms = clock_mono_ms();

	(void)state;
	plant("D1", "{\"attempts\":7}", 5);
	plant("D2", "{}", 5);
	job = claim("tok-1:0", "D1");
	assert_ask("D1", "LRANGE bull:q:active 0 -1");
	assert_ask("tok-1:0", "GET bull:q:D1:lock");
	assert_in_range(strtoll(ask("PTTL bull:q:D1:lock"), NULL, 10), 29000, 30000);
	assert_ask("w-1 1 (nil)", "HMGET bull:q:D1 pb ats atm");
	assert_ask("D2 21474836482", "ZRANGE bull:q:prioritized 0 -1 WITHSCORES");
	assert_ask("0 0", "ZRANGE bull:q:marker 0 -1 WITHSCORES");
	assert_string_equal(events(), "active D1 waiting");
	assert_in_range(now_ms() - strtoll(ask("HGET bull:q:D1 processedOn"), NULL, 10), 0, 5000);
	assert_true(job->lease_end_mono_ms >= before_ms + 30000 &&
		    job->lease_end_mono_ms <= clock_mono_ms() + 30000);
	assert_int_equal(job->attempts_started, 1);
	assert_int_equal(job->priority, 5);
	assert_string_equal(job->data, "{\"id\":1}");
	queue_job_free(job);
}

static void
wait_comes_before_prioritized_and_the_oldest_first(void **state)
{
	(void)state;
	plant("p5", "{}", 5);
	plant("p1", "{}", 1);
	plant("w1", "{}", 0);
	plant("w2", "{}", 0);
	queue_job_free(claim("t", "w1"));
	queue_job_free(claim("t", "w2"));
	queue_job_free(claim("t", "p1"));
	queue_job_free(claim("t", "p5"));
	assert_ask("1", "EXISTS bull:q:pc");
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_NONE);
	assert_ask("0", "EXISTS bull:q:pc");
}

static void
nothing_to_do_says_when_to_look_again(void **state)
{
	struct queue_claim got = {0};

	(void)state;
	assert_true(queue_claim(bench_queue, "t", "", &got, &bench_why));
	assert_int_equal(got.state, QUEUE_CLAIM_NONE);
	assert_int_equal(got.next_due_ms, 0);
	plant_delayed("d1", 0, 50000);
	assert_true(queue_claim(bench_queue, "t", "", &got, &bench_why));
	assert_int_equal(got.state, QUEUE_CLAIM_NONE);
	assert_in_range(got.next_due_ms - got.now_ms, 45000, 50000);
}

static void
due_jobs_are_promoted_in_order(void **state)
{
	(void)state;
	plant_delayed("d2", 0, -10);
	plant_delayed("d1", 0, -20);
	plant_delayed("d3", 3, -5);
	plant_delayed("later", 0, 60000);
	queue_job_free(claim("t", "d1"));
	assert_string_equal(events(), "waiting d1 delayed, waiting d2 delayed, waiting d3 delayed, "
				      "active d1 waiting");
	assert_ask("0", "HGET bull:q:d1 delay");
	assert_ask("d2", "LRANGE bull:q:wait 0 -1");
	assert_ask("d3", "ZRANGE bull:q:prioritized 0 -1");
	assert_ask("later", "ZRANGE bull:q:delayed 0 -1");
}

static void
many_due_jobs_are_promoted_a_thousand_at_a_time(void **state)
{
	(void)state;
	for (int i = 0; i < 1500; i++) {
		ask("HSET bull:q:d%d name n priority 0", i);
		ask("ZADD bull:q:delayed %d d%d", i, i);
	}
	queue_job_free(claim("t", "d0"));
	assert_ask("500", "ZCARD bull:q:delayed");
	queue_job_free(claim("t", "d1"));
	assert_ask("0", "ZCARD bull:q:delayed");
	assert_ask("1498", "LLEN bull:q:wait");
}

static void
ids_without_a_hash_are_dropped_and_nothing_is_created(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		ask("LPUSH bull:q:wait ghost-%d", i);
	ask("ZADD bull:q:delayed 1 ghost-delayed");
	plant("real", "{}", 0);
	queue_job_free(claim("t", "real"));
	assert_ask("real", "LRANGE bull:q:active 0 -1");
	assert_ask("", "KEYS bull:q:ghost*");
	assert_ask("0", "ZCARD bull:q:delayed");
	assert_string_equal(events(), "active real waiting");
}

static void
a_flood_of_ghosts_is_worked_off_in_pieces(void **state)
{
	struct queue_claim got = {0};

	(void)state;
	for (int i = 0; i < 250; i++)
		ask("LPUSH bull:q:wait ghost-%d", i);
	plant("real", "{}", 0);
	for (int i = 0; i < 2; i++) {
		assert_true(queue_claim(bench_queue, "t", "", &got, &bench_why));
		assert_int_equal(got.state, QUEUE_CLAIM_NONE);
		/* More may be behind it: at once again. */
		assert_true(got.next_due_ms > 0 && got.next_due_ms <= got.now_ms);
	}
	queue_job_free(claim("t", "real"));
}

static void
markers_of_bullmq_4_are_no_jobs(void **state)
{
	(void)state;
	ask("LPUSH bull:q:wait 0:0");
	plant("p", "{}", 5);
	queue_job_free(claim("t", "p"));
	ask("LPUSH bull:q:wait 0:1795513922597 0:0");
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_NONE);
	assert_ask("p", "LRANGE bull:q:active 0 -1");
	assert_ask("0", "LLEN bull:q:wait");
}

static void
a_job_somebody_else_works_on_is_left_to_him(void **state)
{
	(void)state;
	plant("held", "{}", 0);
	plant("free", "{}", 0);
	ask("SET bull:q:held:lock theirs");
	ask("LPUSH bull:q:active held");
	queue_job_free(claim("t", "free"));
	assert_ask("theirs", "GET bull:q:held:lock");
	assert_ask("free held", "LRANGE bull:q:active 0 -1");
	/* Not in active, yet locked: it must stay somewhere, for its owner or for the stalled
	 * check. */
	plant("odd", "{}", 0);
	ask("SET bull:q:odd:lock theirs");
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_NONE);
	assert_ask("odd free held", "LRANGE bull:q:active 0 -1");
	assert_ask("(nil)", "HGET bull:q:odd ats");
}

static void
a_paused_queue_gives_nothing_but_promotes(void **state)
{
	struct queue_claim got = {0};

	(void)state;
	plant("w", "{}", 0);
	plant_delayed("d", 0, -5);
	plant_delayed("p", 2, -5);
	ask("HSET bull:q:meta paused 1");
	assert_true(queue_claim(bench_queue, "t", "", &got, &bench_why));
	assert_int_equal(got.state, QUEUE_CLAIM_PAUSED);
	assert_ask("d w", "LRANGE bull:q:wait 0 -1");
	assert_ask("p", "ZRANGE bull:q:prioritized 0 -1");
	assert_ask("0", "EXISTS bull:q:marker");
	assert_ask("0", "EXISTS bull:q:paused");
}

static void
a_queue_paused_by_bullmq_5_keeps_its_jobs_apart(void **state)
{
	(void)state;
	ask("HSET bull:q:meta version bullmq:5.81.5 paused 1");
	plant("w", "{}", 0);
	ask("RENAME bull:q:wait bull:q:paused");
	plant_delayed("d", 0, -5);
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_PAUSED);
	assert_ask("d w", "LRANGE bull:q:paused 0 -1");
	assert_ask("0", "EXISTS bull:q:wait");
	/* Paused by a 5, then a Queue of version 6 was constructed: the list is still in use. */
	ask("HSET bull:q:meta version bullmq:6.7.0");
	plant_delayed("e", 0, -5);
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_PAUSED);
	assert_ask("e d w", "LRANGE bull:q:paused 0 -1");
	/* No version at all: nobody knows who will resume; `paused` is safe with all of them. */
	ask("HDEL bull:q:meta version");
	ask("DEL bull:q:paused");
	plant_delayed("f", 0, -5);
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_PAUSED);
	assert_ask("f", "LRANGE bull:q:paused 0 -1");
}

static void
concurrency_of_the_whole_queue_is_obeyed(void **state)
{
	(void)state;
	ask("HSET bull:q:meta concurrency 2");
	for (int i = 0; i < 4; i++)
		plant((const char *[]){"a", "b", "c", "d"}[i], "{}", 0);
	queue_job_free(claim("t1", "a"));
	queue_job_free(claim("t2", "b"));
	assert_int_equal(claim_state("t3"), QUEUE_CLAIM_MAXED);
	ask("HSET bull:q:meta concurrency 3");
	queue_job_free(claim("t3", "c"));
	ask("HSET bull:q:meta concurrency nonsense");
	queue_job_free(claim("t4", "d"));
}

static void
our_own_limit_holds_for_a_second(void **state)
{
	struct queue_settings settings = bench_settings();
	struct queue_claim got = {0};
	int64_t ttl_ms;

	(void)state;
	settings.limiter_max = 2;
	bench_open(&settings);
	for (int i = 0; i < 4; i++)
		plant((const char *[]){"a", "b", "c", "d"}[i], "{}", 0);
	queue_job_free(claim("t", "a"));
	queue_job_free(claim("t", "b"));
	assert_true(queue_claim(bench_queue, "t", "", &got, &bench_why));
	assert_int_equal(got.state, QUEUE_CLAIM_LIMITED);
	assert_in_range(got.wait_ms, 1, 1000);
	assert_ask("2", "GET bull:q:limiter");
	ttl_ms = strtoll(ask("PTTL bull:q:limiter"), NULL, 10);
	assert_in_range(ttl_ms, 1, 1000);
	ask("PEXPIRE bull:q:limiter 1");
	while (strcmp(ask("EXISTS bull:q:limiter"), "0") != 0)
		continue;
	queue_job_free(claim("t", "c"));
	/* What the queue says wins over what we would. */
	ask("HSET bull:q:meta max 1 duration 60000");
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_LIMITED);
}

static void
a_limit_of_the_whole_queue_is_obeyed(void **state)
{
	(void)state;
	ask("HSET bull:q:meta max 1 duration 60000");
	plant("a", "{}", 0);
	plant("b", "{}", 0);
	ask("HSET bull:q:b defa stalled");
	queue_job_free(claim("t", "a"));
	assert_in_range(strtoll(ask("PTTL bull:q:limiter"), NULL, 10), 50000, 60000);
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_LIMITED);
	/* A job that is only to be failed does not count. */
	ask("DEL bull:q:limiter");
	queue_job_free(claim("t", "b"));
	assert_ask("0", "EXISTS bull:q:limiter");
	/* A key that is no counter does not stop the queue for ever. */
	plant("c", "{}", 0);
	ask("SET bull:q:limiter nonsense");
	queue_job_free(claim("t", "c"));
	assert_ask("1", "GET bull:q:limiter");
}

static void
a_token_with_a_tombstone_gets_nothing(void **state)
{
	(void)state;
	plant("a", "{}", 0);
	ask("SET bull-publisher:q:dead:t 1");
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_DEAD);
	assert_ask("a", "LRANGE bull:q:wait 0 -1");
	queue_job_free(claim("u", "a"));
}

static void
damaged_fields_break_nothing(void **state)
{
	struct queue_job *job;

	(void)state;
	ask("HSET bull:q:meta opts.maxLenEvents many concurrency x max y duration z");
	ask("SET bull:q:pc broken");
	plant_delayed("d1", 0, -5);
	ask("HSET bull:q:d1 priority nan ats x opts [1] stacktrace y timestamp z");
	plant_delayed("d2", 3, -5);
	job = claim("t", "d1");
	assert_true(job->options_broken);
	assert_int_equal(job->attempts_started, 1);
	fail_job(job, "t", "bad");
	assert_ask("1 [\"Error: bad\"]", "HMGET bull:q:d1 atm stacktrace");
	queue_job_free(claim("t", "d2"));
}

static void
ids_of_any_bytes_survive(void **state)
{
	static const char *const ids[] = {"a:b:c",    "*",    "new\nline", "\"'\\", "repeat:x:1",
					  "\xff\xfe", "%s%n", "@x",        "!y"};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct queue_job *job;

		plant(ids[i], "{}", (int)(i % 3));
		job = claim("t", ids[i]);
		complete(job, "t");
		assert_int_equal(strtoll(ask("ZSCORE bull:q:completed %s", ids[i]), NULL, 10) > 0,
				 1);
	}
	assert_ask("9", "ZCARD bull:q:completed");
}

static void
scripts_survive_a_flush_and_a_restart(void **state)
{
	(void)state;
	plant("a", "{}", 0);
	plant("b", "{}", 0);
	queue_job_free(claim("t", "a"));
	ask("SCRIPT FLUSH");
	queue_job_free(claim("t", "b"));
	redis_server_kill(&bench_server);
	{
		struct queue_claim got = {0};

		assert_false(queue_claim(bench_queue, "t", "", &got, &bench_why));
		assert_int_equal(bench_why.category, FAILURE_AWAY);
	}
	assert_true(redis_server_again(&bench_server));
	ask("PING");
	plant("c", "{}", 0);
	queue_job_free(claim("t", "c"));
}

/* A claim that is sent, and whose reply nobody waits for: the server is held up meanwhile, and has
 * not done it when this returns. */
static void
lose_a_claim(void)
{
	struct queue_claim got = {0};
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	ask("CLIENT PAUSE 100 ALL");
	redis_set_wake_fd(bench_redis, ends[0]);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_false(queue_claim(bench_queue, "t", "w-1", &got, &bench_why));
	assert_int_equal(bench_why.category, FAILURE_STOPPED);
	redis_set_wake_fd(bench_redis, -1);
	close(ends[0]);
	close(ends[1]);
}

/* As it is when Redis has read such a claim after all: the next job is "t"'s. */
static void
the_lost_claim_arrives(const char *id)
{
	ask("RPOPLPUSH bull:q:wait bull:q:active");
	ask("SET bull:q:%s:lock t PX 30000", id);
	ask("HSET bull:q:%s processedOn %lld ats 1", id, (long long)now_ms());
}

static void
a_claim_whose_reply_was_lost_is_found_again(void **state)
{
	struct queue_job *job;

	(void)state;
	plant("a", "{}", 0);
	plant("b", "{}", 0);
	assert_int_equal(claim_state("other"), QUEUE_CLAIM_JOB);
	forget_events();
	lose_a_claim();
	the_lost_claim_arrives("b");
	job = claim("t", "b");
	assert_int_equal(job->attempts_started, 1);
	assert_true(job->claimed_ms > 0);
	assert_string_equal(events(), "");
	assert_ask("b a", "LRANGE bull:q:active 0 -1");
	complete(job, "t");
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_NONE);
}

/* A connection that was cut may still deliver what was sent on it, behind the claims of the next.
 */
static void
a_claim_that_arrives_late_is_found(void **state)
{
	struct queue_job *job;

	(void)state;
	lose_a_claim();
	assert_int_equal(claim_state("t"), QUEUE_CLAIM_NONE);
	plant("a", "{}", 0);
	plant("b", "{}", 0);
	job = claim("t", "a");
	the_lost_claim_arrives("b");
	complete(job, "t");
	assert_true(queue_may_hold_job(bench_queue));
	job = claim("t", "b");
	assert_int_equal(job->attempts_started, 1);
	complete(job, "t");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
		TEST(a_claim_leaves_what_bullmq_leaves),
		TEST(wait_comes_before_prioritized_and_the_oldest_first),
		TEST(nothing_to_do_says_when_to_look_again),
		TEST(due_jobs_are_promoted_in_order),
		TEST(many_due_jobs_are_promoted_a_thousand_at_a_time),
		TEST(ids_without_a_hash_are_dropped_and_nothing_is_created),
		TEST(a_flood_of_ghosts_is_worked_off_in_pieces),
		TEST(markers_of_bullmq_4_are_no_jobs),
		TEST(a_job_somebody_else_works_on_is_left_to_him),
		TEST(a_paused_queue_gives_nothing_but_promotes),
		TEST(a_queue_paused_by_bullmq_5_keeps_its_jobs_apart),
		TEST(concurrency_of_the_whole_queue_is_obeyed),
		TEST(our_own_limit_holds_for_a_second),
		TEST(a_limit_of_the_whole_queue_is_obeyed),
		TEST(a_token_with_a_tombstone_gets_nothing),
		TEST(damaged_fields_break_nothing),
		TEST(ids_of_any_bytes_survive),
		TEST(scripts_survive_a_flush_and_a_restart),
		TEST(a_claim_whose_reply_was_lost_is_found_again),
		TEST(a_claim_that_arrives_late_is_found),
	};

	return cmocka_run_group_tests(tests, bench_set_up_server, bench_tear_down_server);
}

/*
 * test_queue_end.c - ending jobs (bullmq-protocol 8, 9, 10, 14, 15).   [tests]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/queue/queue_internal.h"
#include "tests/integration/queue_bench.h"

static const struct queue_next next = {.worker_name = "w-1"};

static void
completing_leaves_what_bullmq_leaves(void **state)
{
	struct queue_job *job;
	struct queue_end end = {0};

	(void)state;
	plant("D1", "{\"attempts\":7}", 5);
	plant("D2", "{\"attempts\":7}", 5);
	job = claim("tok-1:0", "D1");
	assert_true(queue_complete(bench_queue, job, "tok-1:0", "{\"ok\":true,\"msg\":\"done\"}",
				   &next, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_ENDED);
	assert_int_equal(end.next.state, QUEUE_CLAIM_JOB);
	assert_string_equal(end.next.job->id, "D2");
	assert_ask("{\"ok\":true,\"msg\":\"done\"} 1 1", "HMGET bull:q:D1 returnvalue atm ats");
	assert_string_equal(ask("HGET bull:q:D1 finishedOn"), ask("ZSCORE bull:q:completed D1"));
	assert_ask("D2", "LRANGE bull:q:active 0 -1");
	assert_ask("(nil) tok-1:0", "MGET bull:q:D1:lock bull:q:D2:lock");
	assert_string_equal(events(), "active D1 waiting, completed D1 active, active D2 waiting");
	queue_job_free(job);
	job = end.next.job;
	assert_true(queue_complete(bench_queue, job, "tok-1:0", "null", &next, &end, &bench_why));
	assert_int_equal(end.next.state, QUEUE_CLAIM_NONE);
	assert_ask("null", "HGET bull:q:D2 returnvalue");
	assert_ask("0", "EXISTS bull:q:pc bull:q:active bull:q:prioritized");
	assert_non_null(strstr(events(), "completed D2 active, drained"));
	queue_job_free(job);
}

static void
drained_is_told_by_bullmqs_rule(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;

	(void)state;
	plant("a", "{}", 0);
	plant("b", "{}", 0);
	plant_delayed("d", 0, 60000);
	complete(claim("t", "a"), "t");
	assert_null(strstr(events(), "drained"));
	/* With a look for the next one, a delayed job is no end; without it is. */
	job = claim("t", "b");
	assert_true(queue_complete(bench_queue, job, "t", "1", &next, &end, &bench_why));
	assert_true(end.next.next_due_ms > end.next.now_ms);
	assert_null(strstr(events(), "drained"));
	queue_job_free(job);
	plant("c", "{}", 0);
	complete(claim("t", "c"), "t");
	assert_non_null(strstr(events(), "completed c active, drained"));
}

static void
a_return_value_must_be_json(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;

	(void)state;
	plant("a", "{}", 0);
	job = claim("t", "a");
	assert_false(queue_complete(bench_queue, job, "t", "undefined", NULL, &end, &bench_why));
	assert_int_equal(bench_why.category, FAILURE_UNKNOWN);
	assert_ask("t", "GET bull:q:a:lock");
	complete(job, "t");
}

/* A digest of everything there is. */
static const char *
everything(void)
{
	return ask(
		"EVAL "
		"local\ts,k='',redis.call('KEYS','*')\ttable.sort(k)\tfor\t_,x\tin\tipairs(k)\tdo\t"
		"s=s..x..redis.call('DUMP',x)\tend\treturn\tredis.sha1hex(s) 0");
}

/* Every ending of a job that is not ours any more changes nothing. */
static void
expect_all_lost(struct queue_job *job, const char *token)
{
	struct queue_end end;
	const char *before = everything();
	struct failure *why = &bench_why;

	assert_int_equal(strlen(before), 40);
	for (int i = 0; i < 5; i++) {
		end = (struct queue_end){.state = QUEUE_ENDED};
		assert_true(
			i == 0   ? queue_complete(bench_queue, job, token, "1", &next, &end, why)
			: i == 1 ? queue_fail(bench_queue, job, token, "r", "", &next, &end, why)
			: i == 2
				? queue_retry(bench_queue, job, token, 5, "r", "", &next, &end, why)
			: i == 3 ? queue_defer(bench_queue, job, token, 5, &next, &end, why)
				 : queue_put_back(bench_queue, job, token, &end, why));
		assert_int_equal(end.state, QUEUE_END_LOST);
		assert_null(end.next.job);
	}
	assert_string_equal(everything(), before);
}

static void
a_lost_claim_changes_nothing(void **state)
{
	struct queue_job *job;

	(void)state;
	plant("a", "{}", 5);
	plant("b", "{}", 5);
	job = claim("t", "a");
	/* Another's lock, no lock, a tombstone. */
	ask("SET bull:q:a:lock other");
	expect_all_lost(job, "t");
	ask("DEL bull:q:a:lock");
	expect_all_lost(job, "t");
	ask("SET bull:q:a:lock t");
	ask("SET bull-publisher:q:dead:t 1");
	expect_all_lost(job, "t");
	ask("DEL bull-publisher:q:dead:t");
	complete(job, "t");
	/* Done already. */
	job = claim("t", "b");
	{
		struct queue_end end = {0};

		assert_true(queue_complete(bench_queue, job, "t", "1", NULL, &end, &bench_why));
		assert_int_equal(end.state, QUEUE_ENDED);
		expect_all_lost(job, "t");
	}
	queue_job_free(job);
}

/* A later claim of the same job has another moment. */
static void
let_the_clock_go_on(const struct queue_job *job)
{
	while (now_ms() <= job->claimed_ms)
		;
}

/* A command that was on its way when its connection broke may come after the next claim by the same
 * process, whose token is the same. */
static void
what_an_earlier_claim_sent_changes_nothing(void **state)
{
	struct queue_end end = {0};
	struct queue_job *earlier, *job;

	(void)state;
	plant("a", "{}", 5);
	plant("b", "{}", 5);
	earlier = claim("t", "a");
	assert_true(queue_put_back(bench_queue, earlier, "t", &end, &bench_why));
	assert_int_equal(end.state, QUEUE_ENDED);
	job = claim("t", "a");
	expect_all_lost(earlier, "t");
	assert_ask("t", "GET bull:q:a:lock");
	complete(job, "t");
	queue_job_free(earlier);
}

/* Who adds a job anew or retries it by hand lets its claims be counted from the beginning. */
static void
a_job_of_the_same_id_is_another_claim(void **state)
{
	struct queue_end end = {0};
	struct queue_job *earlier, *job;
	bool removed;

	(void)state;
	plant("a", "{}", 5);
	earlier = claim("t", "a");
	let_the_clock_go_on(earlier);
	assert_true(queue_complete(bench_queue, earlier, "t", "1", NULL, &end, &bench_why));
	assert_true(queue_remove(bench_queue, "a", &removed, &bench_why));
	assert_true(removed);
	plant("a", "{}", 5);
	job = claim("t", "a");
	assert_int_equal(job->attempts_started, earlier->attempts_started);
	expect_all_lost(earlier, "t");
	complete(job, "t");
	queue_job_free(earlier);
}

/* The first telling ended the claim and took the same job again; its answer was lost. */
static void
an_ending_told_again_ends_no_later_claim(void **state)
{
	struct queue_end end = {0};
	struct queue_job *first, *second;

	(void)state;
	plant("a", "{\"attempts\":7}", 5);
	first = claim("t", "a");
	assert_true(queue_retry(bench_queue, first, "t", 0, "r", "", &next, &end, &bench_why));
	assert_int_equal(end.next.state, QUEUE_CLAIM_JOB);
	assert_string_equal(end.next.job->id, "a");
	queue_job_free(end.next.job);
	assert_true(queue_retry(bench_queue, first, "t", 0, "r", "", &next, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_END_LOST);
	assert_ask("1 2", "HMGET bull:q:a atm ats");
	/* It is found, and can be ended. */
	second = claim("t", "a");
	assert_int_equal(second->attempts_started, 2);
	assert_ask("1 2", "HMGET bull:q:a atm ats");
	complete(second, "t");
	queue_job_free(first);
}

/* Fields that somebody took away accuse nobody: the lock is ours. */
static void
a_job_that_lost_its_count_can_be_ended(void **state)
{
	struct queue_job *job;

	(void)state;
	plant("a", "{}", 5);
	job = claim("t", "a");
	ask("HDEL bull:q:a ats processedOn");
	complete(job, "t");
	assert_ask("1", "ZCARD bull:q:completed");
}

static void
a_job_removed_by_force_is_lost_and_cleaned_up(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;

	(void)state;
	plant("a", "{}", 0);
	job = claim("t", "a");
	ask("DEL bull:q:a");
	assert_true(queue_complete(bench_queue, job, "t", "1", NULL, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_END_LOST);
	assert_ask("0", "EXISTS bull:q:a bull:q:a:lock bull:q:active bull:q:completed");
	queue_job_free(job);
	/* Taken out of active, lock left: it runs somewhere else soon, and our lock must not stand
	 * in its way. */
	plant("b", "{}", 0);
	job = claim("t", "b");
	ask("LREM bull:q:active 0 b");
	ask("RPUSH bull:q:wait b");
	assert_true(queue_complete(bench_queue, job, "t", "1", NULL, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_END_LOST);
	assert_ask("0", "EXISTS bull:q:b:lock bull:q:completed");
	queue_job_free(job);
	queue_job_free(claim("u", "b"));
}

static void
children_are_waited_for(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;

	(void)state;
	plant("a", "{\"attempts\":1}", 0);
	job = claim("t", "a");
	ask("SADD bull:q:a:dependencies bull:q:child");
	assert_true(queue_complete(bench_queue, job, "t", "1", NULL, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_END_PENDING_CHILDREN);
	assert_ask("t", "GET bull:q:a:lock");
	ask("DEL bull:q:a:dependencies");
	ask("ZADD bull:q:a:unsuccessful 1 bull:q:child");
	assert_true(queue_complete(bench_queue, job, "t", "1", NULL, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_END_PENDING_CHILDREN);
	ask("SET bull:q:a:lock other");
	assert_true(queue_complete(bench_queue, job, "t", "1", NULL, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_END_LOST);
	ask("SET bull:q:a:lock t");
	fail_job(job, "t", "a child failed");
	assert_non_null(strstr(events(), "failed a active, retries-exhausted a"));
}

static void
failing_leaves_what_bullmq_leaves(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;

	(void)state;
	plant("D1", "{\"attempts\":2}", 5);
	job = claim("t", "D1");
	assert_true(queue_retry(bench_queue, job, "t", 0, "boom 1",
				"Error: boom 1\n    at f (a.js:1:1)", NULL, &end, &bench_why));
	queue_job_free(job);
	assert_ask("boom 1 1 1 0", "HMGET bull:q:D1 failedReason atm ats delay");
	assert_ask("D1 21474836482", "ZRANGE bull:q:prioritized 0 -1 WITHSCORES");
	job = claim("t", "D1");
	assert_int_equal(job->attempts_made, 1);
	ask("HSET bull:q:D1 defa x");
	fail_job(job, "t", "boom 2");
	assert_ask("boom 2 2 2 (nil) (nil)",
		   "HMGET bull:q:D1 failedReason atm ats defa returnvalue");
	assert_ask("[\"Error: boom 1\\n    at f (a.js:1:1)\",\"Error: boom 2\"]",
		   "HGET bull:q:D1 stacktrace");
	assert_string_equal(ask("HGET bull:q:D1 finishedOn"), ask("ZSCORE bull:q:failed D1"));
	assert_string_equal(
		events(),
		"active D1 waiting, waiting D1 active, active D1 waiting, failed D1 active, "
		"retries-exhausted D1, drained");
	assert_non_null(strstr(ask("XRANGE bull:q:events - +"),
			       "retries-exhausted jobId D1 attemptsMade 2"));
}

static void
exhaustion_follows_our_decision(void **state)
{
	(void)state;
	plant("early", "{\"attempts\":7}", 0);
	fail_job(claim("t", "early"), "t", "x");
	assert_null(strstr(events(), "retries-exhausted"));
	/* No attempts of its own: our default of 7 holds. */
	plant("plain", "{}", 0);
	fail_job(claim("t", "plain"), "t", "x");
	assert_null(strstr(events(), "retries-exhausted"));
	plant("last", "{\"attempts\":0}", 0);
	ask("HSET bull:q:last atm 6");
	fail_job(claim("t", "last"), "t", "x");
	assert_non_null(strstr(events(), "retries-exhausted last"));
	/* Attempts that BullMQ 4 counted are attempts. */
	forget_events();
	plant("four", "{\"attempts\":3}", 0);
	ask("HSET bull:q:four attemptsMade 2");
	fail_job(claim("t", "four"), "t", "x");
	assert_non_null(strstr(events(), "retries-exhausted four"));
}

static void
a_retry_later_leaves_what_bullmq_leaves(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;
	int64_t score;

	(void)state;
	plant("D1", "{\"attempts\":7}", 5);
	job = claim("t", "D1");
	forget_events();
	assert_true(
		queue_retry(bench_queue, job, "t", 1500, "boom 1", "", &next, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_ENDED);
	assert_int_equal(end.next.state, QUEUE_CLAIM_NONE);
	assert_ask("boom 1 1 1 1500 [\"Error: boom 1\"]",
		   "HMGET bull:q:D1 failedReason atm ats delay stacktrace");
	score = strtoll(ask("ZSCORE bull:q:delayed D1"), NULL, 10);
	assert_int_equal(score % 4096, 0);
	assert_int_equal(score / 4096, end.next.next_due_ms);
	assert_in_range(score / 4096 - now_ms(), 1000, 1500);
	assert_int_equal(strtoll(ask("ZSCORE bull:q:marker 1"), NULL, 10), score / 4096);
	assert_string_equal(events(), "delayed D1");
	assert_int_equal(strtoll(strstr(ask("XRANGE bull:q:events - +"), "delay ") + 6, NULL, 10),
			 score / 4096);
	assert_ask("0", "EXISTS bull:q:active bull:q:D1:lock bull:q:failed");
	queue_job_free(job);
}

static void
delayed_scores_keep_their_order_inside_a_millisecond(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;
	int64_t due_ms = now_ms() + 3600000, score;

	(void)state;
	plant("a", "{}", 0);
	job = claim("t", "a");
	/* All the milliseconds it may fall into are taken once, one of them to the brim. */
	for (int i = 0; i < 3000; i++)
		ask("ZADD bull:q:delayed %lld x%d",
		    ((long long)due_ms + i) * 4096 + (i % 2 ? 4095 : 7), i);
	assert_true(queue_defer(bench_queue, job, "t", 3600000, NULL, &end, &bench_why));
	score = strtoll(ask("ZSCORE bull:q:delayed a"), NULL, 10);
	assert_true(score % 4096 == 8 || score % 4096 == 4095);
	queue_job_free(job);
}

static void
deferring_burns_nothing(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;

	(void)state;
	plant("a", "{\"attempts\":2}", 5);
	plant("b", "{}", 9);
	job = claim("t", "a");
	assert_true(queue_defer(bench_queue, job, "t", 30000, &next, &end, &bench_why));
	assert_string_equal(end.next.job->id, "b");
	assert_ask("30000 1 (nil) (nil) (nil)",
		   "HMGET bull:q:a delay ats atm failedReason stacktrace");
	queue_job_free(job);
	queue_job_free(end.next.job);
	/* Due again, it is the same job with the same attempts. */
	ask("ZADD bull:q:delayed 1 a");
	job = claim("t", "a");
	assert_int_equal(job->attempts_made, 0);
	assert_int_equal(job->attempts_started, 2);
	queue_job_free(job);
}

static void
putting_back_burns_nothing_and_keeps_the_place(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;

	(void)state;
	plant("p1", "{}", 5);
	plant("p2", "{}", 5);
	plant("w1", "{}", 0);
	plant("w2", "{}", 0);
	job = claim("t", "w1");
	assert_true(queue_put_back(bench_queue, job, "t", &end, &bench_why));
	assert_int_equal(end.state, QUEUE_ENDED);
	queue_job_free(job);
	assert_ask("w2 w1", "LRANGE bull:q:wait 0 -1");
	complete(claim("t", "w1"), "t");
	complete(claim("t", "w2"), "t");
	forget_events();
	job = claim("t", "p1");
	assert_true(queue_put_back(bench_queue, job, "t", &end, &bench_why));
	queue_job_free(job);
	assert_ask("p1 21474836480 p2 21474836482", "ZRANGE bull:q:prioritized 0 -1 WITHSCORES");
	assert_ask("(nil) 1", "HMGET bull:q:p1 atm ats");
	assert_string_equal(events(), "active p1 waiting, waiting p1 active");
	/* While paused it goes where the jobs of a paused queue are. */
	plant("w3", "{}", 0);
	ask("HSET bull:q:meta version bullmq:5.81.5");
	job = claim("t", "w3");
	ask("HSET bull:q:meta paused 1");
	ask("DEL bull:q:marker");
	assert_true(queue_put_back(bench_queue, job, "t", &end, &bench_why));
	queue_job_free(job);
	assert_ask("w3", "LRANGE bull:q:paused 0 -1");
	assert_ask("0", "EXISTS bull:q:marker");
}

static void
a_lifo_job_goes_back_to_the_front(void **state)
{
	struct queue_end end = {0};
	struct queue_job *job;

	(void)state;
	plant("a", "{\"lifo\":true}", 0);
	plant("b", "{}", 0);
	job = claim("t", "a");
	assert_true(queue_retry(bench_queue, job, "t", 0, "x", "", &next, &end, &bench_why));
	assert_string_equal(end.next.job->id, "a");
	queue_job_free(job);
	queue_job_free(end.next.job);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
		TEST(completing_leaves_what_bullmq_leaves),
		TEST(drained_is_told_by_bullmqs_rule),
		TEST(a_return_value_must_be_json),
		TEST(a_lost_claim_changes_nothing),
		TEST(what_an_earlier_claim_sent_changes_nothing),
		TEST(a_job_of_the_same_id_is_another_claim),
		TEST(an_ending_told_again_ends_no_later_claim),
		TEST(a_job_that_lost_its_count_can_be_ended),
		TEST(a_job_removed_by_force_is_lost_and_cleaned_up),
		TEST(children_are_waited_for),
		TEST(failing_leaves_what_bullmq_leaves),
		TEST(exhaustion_follows_our_decision),
		TEST(a_retry_later_leaves_what_bullmq_leaves),
		TEST(delayed_scores_keep_their_order_inside_a_millisecond),
		TEST(deferring_burns_nothing),
		TEST(putting_back_burns_nothing_and_keeps_the_place),
		TEST(a_lifo_job_goes_back_to_the_front),
	};

	return cmocka_run_group_tests(tests, bench_set_up_server, bench_tear_down_server);
}

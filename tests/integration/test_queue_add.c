/*
 * test_queue_add.c - adding, finding, removing; what is sent without waiting (bullmq-protocol 5,
 * 14).   [tests]
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

static struct queue_look
look(void)
{
	struct queue_look out = {0};

	if (!queue_look(bench_queue, &out, &bench_why))
		fail_msg("%s", bench_why.message);
	return out;
}

static enum queue_added
add(const struct queue_add *job)
{
	enum queue_added added;

	if (!queue_add(bench_queue, job, &added, &bench_why))
		fail_msg("%s", bench_why.message);
	return added;
}

static const char *
state_of(const char *id)
{
	static char out[24];
	int64_t due_ms;

	assert_true(queue_job_state(bench_queue, id, out, &due_ms, &bench_why));
	return out;
}

static void
adding_leaves_what_bullmq_leaves(void **state)
{
	(void)state;
	assert_int_equal(add(&(struct queue_add){.id = "D1",
						 .name = "publish",
						 .data = "{\"a\":1}",
						 .priority = 5,
						 .attempts = 7,
						 .remove_on_fail_json = "{\"age\":86400}"}),
			 QUEUE_ADDED);
	assert_ask("publish {\"a\":1} 0 5", "HMGET bull:q:D1 name data delay priority");
	assert_ask(
		"{\"attempts\":7,\"jobId\":\"D1\",\"priority\":5,\"removeOnFail\":{\"age\":86400}}",
		"HGET bull:q:D1 opts");
	assert_ask("D1 21474836481", "ZRANGE bull:q:prioritized 0 -1 WITHSCORES");
	assert_ask("1 1", "MGET bull:q:pc bull:q:id");
	assert_ask("0 0", "ZRANGE bull:q:marker 0 -1 WITHSCORES");
	assert_string_equal(events(), "added D1, waiting D1");
	assert_int_equal(add(&(struct queue_add){.id = "D1", .name = "publish", .data = "{}"}),
			 QUEUE_ADD_EXISTS);
	assert_ask("{\"a\":1}", "HGET bull:q:D1 data");
	assert_ask("2", "GET bull:q:id");
	assert_string_equal(events(), "added D1, waiting D1, duplicated D1");
	/* Without an id: the counter's. */
	assert_int_equal(add(&(struct queue_add){.name = "publish", .data = "{}"}), QUEUE_ADDED);
	assert_ask("3", "LRANGE bull:q:wait 0 -1");
}

static void
states_are_found(void **state)
{
	int64_t due_ms = 0;
	char name[24];

	(void)state;
	plant("w", "{}", 0);
	plant("p", "{}", 1);
	plant_delayed("d", 0, 60000);
	ask("HSET bull:q:lost name n");
	ask("ZADD bull:q:completed 1 c");
	ask("ZADD bull:q:failed 1 f");
	ask("ZADD bull:q:waiting-children 1 wc");
	ask("LPUSH bull:q:paused pa");
	ask("LPUSH bull:q:active a");
	assert_string_equal(state_of("w"), "waiting");
	assert_string_equal(state_of("p"), "prioritized");
	assert_string_equal(state_of("c"), "completed");
	assert_string_equal(state_of("f"), "failed");
	assert_string_equal(state_of("wc"), "waiting-children");
	assert_string_equal(state_of("pa"), "paused");
	assert_string_equal(state_of("a"), "active");
	assert_string_equal(state_of("lost"), "unknown");
	assert_string_equal(state_of("none"), "missing");
	assert_true(queue_job_state(bench_queue, "d", name, &due_ms, &bench_why));
	assert_string_equal(name, "delayed");
	assert_in_range(due_ms - now_ms(), 50000, 60000);
}

static void
finished_and_lost_jobs_are_replaced(void **state)
{
	struct queue_add again = {
		.id = "a", .name = "publish", .data = "{\"n\":2}", .replace_finished = true};

	(void)state;
	plant("a", "{}", 0);
	assert_int_equal(add(&again), QUEUE_ADD_EXISTS);
	fail_job(claim("t", "a"), "t", "x");
	forget_events();
	assert_int_equal(add(&again), QUEUE_ADDED);
	assert_string_equal(events(), "removed a failed, added a, waiting a");
	assert_ask("{\"n\":2} (nil) (nil) (nil)",
		   "HMGET bull:q:a data failedReason atm finishedOn");
	assert_ask("0", "ZCARD bull:q:failed");
	ask("DEL bull:q:wait");
	assert_int_equal(add(&again), QUEUE_ADDED);
	assert_ask("a", "LRANGE bull:q:wait 0 -1");
	/* Not while somebody works on it. */
	queue_job_free(claim("t", "a"));
	assert_int_equal(add(&again), QUEUE_ADD_EXISTS);
	assert_ask("t", "GET bull:q:a:lock");
}

static void
jobs_are_removed_unless_somebody_works_on_them(void **state)
{
	bool removed = false;

	(void)state;
	plant("w", "{}", 0);
	plant("p", "{}", 1);
	plant("busy", "{}", 0);
	plant_delayed("d", 0, 60000);
	ask("HSET bull:q:d deid dd");
	ask("SET bull:q:de:dd d");
	ask("RPUSH bull:q:w:logs row");
	queue_job_free(claim("t", "w"));
	for (int i = 0; i < 3; i++) {
		const char *id = (const char *[]){"p", "d", "busy"}[i];

		assert_true(queue_remove(bench_queue, id, &removed, &bench_why));
		assert_true(removed);
		assert_string_equal(state_of(id), "missing");
	}
	assert_ask("0", "EXISTS bull:q:de:dd bull:q:wait bull:q:prioritized bull:q:delayed");
	assert_true(queue_remove(bench_queue, "w", &removed, &bench_why));
	assert_false(removed);
	assert_true(queue_remove(bench_queue, "none", &removed, &bench_why));
	assert_false(removed);
	assert_non_null(
		strstr(events(), "removed p prioritized, removed d delayed, removed busy waiting"));
}

static void
what_is_sent_without_waiting_arrives(void **state)
{
	struct queue_job *job;

	(void)state;
	plant("a", "{\"kl\":2}", 0);
	job = claim("t", "a");
	forget_events();
	assert_true(queue_progress(bench_queue, job, "{\"step\":\"uploading\"}", &bench_why));
	for (int i = 0; i < 3; i++)
		assert_true(queue_log(bench_queue, job, (const char *[]){"one", "two", "three"}[i],
				      &bench_why));
	assert_false(queue_progress(bench_queue, job, "{bad", &bench_why));
	ask("SCRIPT FLUSH");
	assert_true(queue_add_unwatched(
		bench_queue, &(struct queue_add){.id = "cleanup", .name = "cleanup", .data = "{}"},
		&bench_why));
	complete(job, "t");
	assert_ask("{\"step\":\"uploading\"}", "HGET bull:q:a progress");
	assert_ask("two three", "LRANGE bull:q:a:logs 0 -1");
	assert_ask("cleanup", "LRANGE bull:q:wait 0 -1");
	assert_string_equal(events(),
			    "progress a, added cleanup, waiting cleanup, completed a active");
	/* A job that is gone is not brought back. */
	plant("b", "{}", 0);
	complete(claim("t", "cleanup"), "t");
	job = claim("t", "b");
	ask("DEL bull:q:b");
	assert_true(queue_progress(bench_queue, job, "1", &bench_why));
	assert_true(queue_log(bench_queue, job, "x", &bench_why));
	look();
	assert_ask("0", "EXISTS bull:q:b bull:q:b:logs");
	queue_job_free(job);
}

static void
a_log_without_keep_logs_has_an_end_too(void **state)
{
	struct queue_job *job;

	(void)state;
	plant("a", "{}", 0);
	job = claim("t", "a");
	for (int i = 0; i < QUEUE_LOG_ROWS_MOST; i++)
		ask("RPUSH bull:q:a:logs old");
	assert_true(queue_log(bench_queue, job, "new", &bench_why));
	complete(job, "t");
	assert_ask("1000", "LLEN bull:q:a:logs");
	assert_ask("new", "LINDEX bull:q:a:logs -1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
		TEST(adding_leaves_what_bullmq_leaves),
		TEST(states_are_found),
		TEST(finished_and_lost_jobs_are_replaced),
		TEST(jobs_are_removed_unless_somebody_works_on_them),
		TEST(what_is_sent_without_waiting_arrives),
		TEST(a_log_without_keep_logs_has_an_end_too),
	};

	return cmocka_run_group_tests(tests, bench_set_up_server, bench_tear_down_server);
}

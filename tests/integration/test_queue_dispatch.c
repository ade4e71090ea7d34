/*
 * test_queue_dispatch.c - looking, counting, locks, handing back (bullmq-protocol 6, 11).   [tests]
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

static void
hand_back(const char *token, const char *expected_ids)
{
	char *ids = NULL;

	if (!queue_hand_back(bench_queue, token, &ids, &bench_why))
		fail_msg("%s", bench_why.message);
	assert_string_equal(ids, expected_ids);
	free(ids);
}

/* ---- looking ---- */

static void
a_look_sees_everything_and_promotes(void **state)
{
	struct queue_look seen;

	(void)state;
	seen = look();
	assert_int_equal(seen.waiting + seen.prioritized + seen.active + seen.next_due_ms, 0);
	assert_int_equal(seen.room, -1);
	assert_false(seen.paused || seen.maxed);
	plant("w1", "{}", 0);
	plant("w2", "{}", 0);
	plant("p1", "{}", 3);
	plant_delayed("due", 0, -5);
	plant_delayed("later", 0, 50000);
	ask("RPUSH bull:q:wait 0:0");
	seen = look();
	assert_int_equal(seen.waiting, 3);
	assert_int_equal(seen.prioritized, 1);
	assert_in_range(seen.next_due_ms - seen.now_ms, 40000, 50000);
	assert_string_equal(events(), "waiting due delayed");
	ask("LREM bull:q:wait 0 0:0");
	ask("HSET bull:q:meta concurrency 2 max 1 duration 60000");
	queue_job_free(claim("t", "w1"));
	seen = look();
	assert_int_equal(seen.active, 1);
	assert_int_equal(seen.room, 1);
	assert_false(seen.maxed);
	assert_in_range(seen.limited_ms, 50000, 60000);
	ask("HSET bull:q:meta concurrency 1 paused 1");
	ask("DEL bull:q:limiter");
	seen = look();
	assert_int_equal(seen.room, 0);
	assert_true(seen.maxed && seen.paused);
	assert_int_equal(seen.limited_ms, 0);
}

static void
the_marker_is_left_unless_the_queue_is_shut(void **state)
{
	(void)state;
	assert_string_equal(queue_marker_key(bench_queue), "bull:q:marker");
	assert_true(queue_leave_marker(bench_queue, &bench_why));
	assert_true(redis_flush(bench_redis, 1000, &bench_why));
	look();
	assert_ask("0 0", "ZRANGE bull:q:marker 0 -1 WITHSCORES");
	ask("DEL bull:q:marker");
	ask("HSET bull:q:meta paused 1");
	assert_true(queue_leave_marker(bench_queue, &bench_why));
	look();
	assert_ask("0", "EXISTS bull:q:marker");
	ask("HDEL bull:q:meta paused");
	ask("HSET bull:q:meta concurrency 1");
	ask("LPUSH bull:q:active x");
	assert_true(queue_leave_marker(bench_queue, &bench_why));
	look();
	assert_ask("0", "EXISTS bull:q:marker");
}

static void
counts_are_by_state(void **state)
{
	struct queue_counts counts = {0};

	(void)state;
	ask("LPUSH bull:q:wait a b");
	ask("RPUSH bull:q:wait 0:123");
	ask("LPUSH bull:q:paused a b c");
	ask("LPUSH bull:q:active a b c d");
	ask("ZADD bull:q:prioritized 1 a");
	ask("ZADD bull:q:delayed 1 a 2 b");
	ask("ZADD bull:q:completed 1 a 2 b 3 c");
	ask("ZADD bull:q:failed 1 a 2 b 3 c 4 d");
	ask("ZADD bull:q:waiting-children 1 a 2 b 3 c 4 d 5 e");
	assert_true(queue_count(bench_queue, &counts, &bench_why));
	assert_int_equal(counts.waiting, 2);
	assert_int_equal(counts.paused, 3);
	assert_int_equal(counts.active, 4);
	assert_int_equal(counts.prioritized, 1);
	assert_int_equal(counts.delayed, 2);
	assert_int_equal(counts.completed, 3);
	assert_int_equal(counts.failed, 4);
	assert_int_equal(counts.waiting_children, 5);
	assert_int_equal(counts.oldest_due_ms, 0);
	assert_false(counts.is_paused);
	ask("HSET bull:q:meta paused 1");
	assert_true(queue_count(bench_queue, &counts, &bench_why));
	assert_true(counts.is_paused);
}

static int64_t
oldest_due(void)
{
	struct queue_counts counts = {0};

	if (!queue_count(bench_queue, &counts, &bench_why))
		fail_msg("%s", bench_why.message);
	return counts.oldest_due_ms;
}

static void
the_oldest_that_is_next_in_line_tells_when_it_was_due(void **state)
{
	(void)state;
	assert_int_equal(oldest_due(), 0);
	ask("HSET bull:q:young timestamp 9000 opts {}");
	ask("LPUSH bull:q:wait young");
	assert_int_equal(oldest_due(), 9000);
	/* One that had to wait first is late since then only, also after a later wait. */
	ask("HSET bull:q:later timestamp 1000 delay 0 opts {\"delay\":7000}");
	ask("RPUSH bull:q:wait later");
	assert_int_equal(oldest_due(), 8000);
	ask("RPUSH bull:q:wait 0:0"); /* a marker of BullMQ 4 */
	assert_int_equal(oldest_due(), 8000);
	ask("HSET bull:q:first timestamp 5000 opts no-json");
	ask("ZADD bull:q:prioritized 1 first 2 gone");
	assert_int_equal(oldest_due(), 5000);
	/* Somebody else's numbers, a job without a hash, and one named like a key of the queue. */
	ask("HSET bull:q:first timestamp -3 opts {\"delay\":\"x\"}");
	assert_int_equal(oldest_due(), 8000);
	ask("RPUSH bull:q:wait prioritized");
	assert_int_equal(oldest_due(), 0);
	ask("DEL bull:q:first bull:q:later bull:q:wait");
	assert_int_equal(oldest_due(), 0);
}

/* ---- locks ---- */

static void
locks_are_renewed_or_reported_lost(void **state)
{
	struct queue_lease leases[] = {{"a", "t"}, {"b", "t"}, {"none", "t"}, {"c", "t"}};
	bool lost[4] = {false, true, false, true};
	int64_t lease_end_ms = 0, before_ms = clock_mono_ms();

	(void)state;
	ask("SET bull:q:a:lock t PX 100");
	ask("SET bull:q:b:lock other");
	ask("SET bull:q:c:lock t PX 100");
	ask("SADD bull:q:stalled a b c");
	assert_true(queue_renew(bench_queue, leases, 4, lost, &lease_end_ms, &bench_why));
	assert_false(lost[0]);
	assert_true(lost[1]);
	assert_true(lost[2]);
	assert_false(lost[3]);
	assert_in_range(lease_end_ms, before_ms + 30000, clock_mono_ms() + 30000);
	assert_in_range(strtoll(ask("PTTL bull:q:a:lock"), NULL, 10), 29000, 30000);
	assert_ask("other", "GET bull:q:b:lock");
	assert_ask("-1", "PTTL bull:q:b:lock");
	assert_ask("b", "SMEMBERS bull:q:stalled");
	assert_true(queue_renew(bench_queue, NULL, 0, NULL, &lease_end_ms, &bench_why));
}

static void
a_thousand_locks_are_renewed_at_once(void **state)
{
	static struct queue_lease leases[1200];
	static char ids[1200][16];
	static bool lost[1200];
	int64_t lease_end_ms = 0;

	(void)state;
	for (int i = 0; i < 1200; i++) {
		snprintf(ids[i], sizeof(ids[i]), "j%d", i);
		leases[i] = (struct queue_lease){.job_id = ids[i], .token = "t"};
		if (i % 3 != 0)
			ask("SET bull:q:j%d:lock t", i);
	}
	assert_true(queue_renew(bench_queue, leases, 1200, lost, &lease_end_ms, &bench_why));
	for (int i = 0; i < 1200; i++)
		assert_int_equal(lost[i], i % 3 == 0);
	assert_false(queue_renew(bench_queue, leases, 1201, lost, &lease_end_ms, &bench_why));
}

static void
the_dead_mans_jobs_go_back(void **state)
{
	struct queue_end end = {0};
	struct queue_job *first, *second;

	(void)state;
	plant("p1", "{}", 5);
	plant("p2", "{}", 5);
	plant("w1", "{}", 0);
	first = claim("dead", "w1");
	second = claim("dead", "p1");
	queue_job_free(claim("alive", "p2"));
	ask("HSET bull:q:p1 stc 1");
	ask("SADD bull:q:stalled w1 p1 p2");
	ask("DEL bull:q:marker");
	forget_events();
	hand_back("dead", "[\"p1\",\"w1\"]");
	assert_ask("p2", "LRANGE bull:q:active 0 -1");
	assert_ask("w1", "LRANGE bull:q:wait 0 -1");
	assert_ask("p1 21474836480", "ZRANGE bull:q:prioritized 0 -1 WITHSCORES");
	assert_ask("p2", "SMEMBERS bull:q:stalled");
	assert_ask("(nil) 1 1", "HMGET bull:q:p1 atm ats stc");
	assert_ask("0 0", "ZRANGE bull:q:marker 0 -1 WITHSCORES");
	assert_string_equal(events(), "waiting p1 active, waiting w1 active");
	assert_in_range(strtoll(ask("PTTL bull-publisher:q:dead:dead"), NULL, 10), 59000, 60000);
	hand_back("dead", "[]");
	assert_true(queue_complete(bench_queue, first, "dead", "1", NULL, &end, &bench_why));
	assert_int_equal(end.state, QUEUE_END_LOST);
	assert_int_equal(claim_state("dead"), QUEUE_CLAIM_DEAD);
	queue_job_free(first);
	queue_job_free(second);
	queue_job_free(claim("alive", "w1"));
}

static void
tokens_of_active_jobs_are_listed(void **state)
{
	char *json = NULL;

	(void)state;
	ask("LPUSH bull:q:active a b c d");
	ask("MSET bull:q:a:lock host1:1 bull:q:b:lock host1:2 bull:q:c:lock host2:1");
	assert_true(queue_active_tokens(bench_queue, "host1:", &json, &bench_why));
	assert_string_equal(
		json,
		"[{\"id\":\"b\",\"token\":\"host1:2\"},{\"id\":\"a\",\"token\":\"host1:1\"}]");
	free(json);
	assert_true(queue_active_tokens(bench_queue, "nobody", &json, &bench_why));
	assert_string_equal(json, "[]");
	free(json);
}

static void
keys_of_our_own_lie_outside(void **state)
{
	char key[64], cut[16];

	(void)state;
	assert_string_equal(queue_private_key(bench_queue, "turns", key, sizeof(key)),
			    "bull-publisher:q:turns");
	assert_string_equal(queue_private_key(bench_queue, "turns", cut, sizeof(cut)),
			    "bull-publisher:");
}

static void
a_replica_is_away_for_every_function(void **state)
{
	struct queue_counts counts = {0};
	struct queue_claim got = {0};

	(void)state;
	plant("a", "{}", 0);
	ask("REPLICAOF 127.0.0.1 1");
	assert_false(queue_claim(bench_queue, "t", "", &got, &bench_why));
	assert_int_equal(bench_why.category, FAILURE_AWAY);
	ask("REPLICAOF NO ONE");
	assert_true(queue_count(bench_queue, &counts, &bench_why));
	queue_job_free(claim("t", "a"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
		TEST(a_look_sees_everything_and_promotes),
		TEST(the_marker_is_left_unless_the_queue_is_shut),
		TEST(counts_are_by_state),
		TEST(the_oldest_that_is_next_in_line_tells_when_it_was_due),
		TEST(locks_are_renewed_or_reported_lost),
		TEST(a_thousand_locks_are_renewed_at_once),
		TEST(the_dead_mans_jobs_go_back),
		TEST(tokens_of_active_jobs_are_listed),
		TEST(keys_of_our_own_lie_outside),
		TEST(a_replica_is_away_for_every_function),
	};

	return cmocka_run_group_tests(tests, bench_set_up_server, bench_tear_down_server);
}

/*
 * gates.lua and gates.c on a real Redis: pace, order, refusals, circuits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/redis.h"
#include "tests/integration/redis_server.h"
#include "worker/gates.h"

struct bench {
	struct redis_server server;
	struct redis_address address;
	struct config config;
	struct redis *redis;
	struct gates *gates;
};

static struct bench bench;

static int
start(void **state)
{
	*state = &bench;
	if (!redis_server_start(&bench.server, NULL))
		return -1;
	bench.address = (struct redis_address){.path = bench.server.socket};
	bench.redis = redis_new(&bench.address, NULL);
	bench.gates = gates_new(&bench.config, bench.redis);
	return bench.redis == NULL || bench.gates == NULL ? -1 : 0;
}

static int
stop(void **state)
{
	(void)state;
	gates_free(bench.gates);
	redis_free(bench.redis);
	redis_server_stop(&bench.server);
	return 0;
}

/* Small numbers without jitter, so that expectations are exact. */
static int
fresh(void **state)
{
	const char *const flush[] = {"FLUSHALL"};

	(void)state;
	bench.config = (struct config){.rate_limiter_enabled = true,
				       .rate_limiter_base_delay_ms = 1000,
				       .rate_limiter_max_delay_ms = 8000,
				       .rate_limiter_jitter_percent = 0,
				       .rate_limiter_success_decrease_factor = 0.5,
				       .rate_limiter_failure_increase_factor = 2.0,
				       .circuit_breaker_enabled = true,
				       .circuit_breaker_threshold = 3,
				       .circuit_breaker_open_duration_ms = 300};
	redis_reply_free(redis_call(bench.redis, 5000, NULL, 1, flush, NULL));
	return 0;
}

static struct gates_verdict
ask(const char *user, const char *who)
{
	struct gates_verdict verdict;
	struct failure why;

	if (!gates_ask(bench.gates, user, who, &verdict, &why))
		fail_msg("%s", why.message);
	return verdict;
}

static struct failure
refusal(enum failure_gate gate, int64_t wait_ms)
{
	struct failure why;

	failure_set(&why, FAILURE_RATE_LIMIT, "429");
	why.gate = gate;
	why.wait_ms = wait_ms;
	return why;
}

static int64_t
refuse(const char *user, const char *who, enum failure_gate gate, int64_t asked_ms)
{
	struct failure why = refusal(gate, asked_ms);
	int64_t wait_ms = -1;

	gates_refused(bench.gates, user, who, &why, &wait_ms);
	return wait_ms;
}

/* Asks until the gate lets it through. */
static int64_t
wait_for_go(const char *user, const char *who, int64_t most_ms)
{
	int64_t begun_ms = clock_mono_ms();
	struct timespec pause = {.tv_nsec = 2000000};

	while (!ask(user, who).go) {
		if (clock_mono_ms() - begun_ms > most_ms)
			fail_msg("%s was not let through within %lld ms", who, (long long)most_ms);
		nanosleep(&pause, NULL);
	}
	return clock_mono_ms() - begun_ms;
}

static void
assert_about(int64_t actual_ms, int64_t expected_ms)
{
	/* What passes between two asks is not the gate's: up to a second of it is forgiven,
	 * downwards only. */
	if (actual_ms > expected_ms || actual_ms < expected_ms - 1000)
		fail_msg("a wait of %lld ms, expected about %lld", (long long)actual_ms,
			 (long long)expected_ms);
}

static void
slots_are_one_delay_apart_and_reserved_in_order(void **state)
{
	(void)state;
	bench.config.rate_limiter_base_delay_ms = 60000;
	bench.config.rate_limiter_max_delay_ms = 300000;
	assert_true(ask("u", "a").go);
	assert_about(ask("u", "b").wait_ms, 60000);
	assert_about(ask("u", "c").wait_ms, 120000);
	assert_about(ask("u", "d").wait_ms, 180000);
	/* Who asks again keeps his place. */
	assert_about(ask("u", "b").wait_ms, 60000);
	assert_about(ask("u", "d").wait_ms, 180000);
	assert_string_equal(ask("u", "d").reason, "pace");
}

static void
another_artist_is_not_held_up(void **state)
{
	(void)state;
	assert_true(ask("u", "a").go);
	assert_false(ask("u", "b").go);
	assert_true(ask("v", "a").go);
}

static void
a_reservation_is_let_through_when_its_time_comes(void **state)
{
	int64_t told_ms, took_ms;

	(void)state;
	bench.config.rate_limiter_base_delay_ms = 150;
	assert_true(ask("u", "a").go);
	told_ms = ask("u", "b").wait_ms;
	took_ms = wait_for_go("u", "b", 5000);
	assert_true(took_ms + 2 >= told_ms - 1);
}

static void
late_comers_are_spaced_anew(void **state)
{
	struct timespec pause = {.tv_nsec = 500000000};
	struct gates_verdict second;

	(void)state;
	bench.config.rate_limiter_base_delay_ms = 100;
	assert_true(ask("u", "a").go);
	ask("u", "b");
	ask("u", "c");
	nanosleep(&pause, NULL); /* both reservations are past now, as after a stop of the pool */
	assert_true(ask("u", "b").go);
	second = ask("u", "c");
	assert_false(second.go);
	assert_in_range(second.wait_ms, 1, 100);
}

static void
a_gap_longer_than_the_delay_costs_nobody_his_place(void **state)
{
	char text[64];
	const char *argv[] = {"SET", "rate-limit:u:state", text};

	(void)state;
	bench.config.rate_limiter_base_delay_ms = 200;
	assert_true(ask("u", "a").go);
	ask("u", "b");
	ask("u", "c");
	/* The predecessor's gap was drawn 300 ms longer than the delay by which the others
	 * reserved. */
	snprintf(text, sizeof(text), "{\"earliest\":%lld}", (long long)clock_wall_ms() + 500);
	redis_reply_free(redis_call(bench.redis, 5000, NULL, 3, argv, NULL));
	assert_in_range(ask("u", "b").wait_ms, 400, 500);
	assert_in_range(ask("u", "c").wait_ms, 600, 700);
	wait_for_go("u", "b", 5000);
	assert_in_range(ask("u", "c").wait_ms, 100, 200);
	/* Who comes new stands behind them. */
	assert_in_range(ask("u", "d").wait_ms, 300, 400);
}

/* How many of the gaps are certainly under, or over, a number of ms. */
struct spread {
	int under_150, under_200, over_200, over_250;
};

/*
 * The gap behind an artist's first post. What passed between the two asks is not known to the ms,
 * so the gap lies between what is told and that much more.
 */
static void
draw_gap(int artist, struct spread *spread)
{
	int64_t begun_ms = clock_mono_ms(), least_ms, most_ms;
	struct gates_verdict second;
	char user[16];

	snprintf(user, sizeof(user), "u%d", artist);
	assert_true(ask(user, "a").go);
	second = ask(user, "b");
	least_ms = second.go ? 0 : second.wait_ms;
	most_ms = least_ms + clock_mono_ms() - begun_ms + 1;
	if (least_ms > 300 || most_ms < 100)
		fail_msg("a gap of %lld to %lld ms, should be one of 100 to 300",
			 (long long)least_ms, (long long)most_ms);
	spread->under_150 += most_ms < 150;
	spread->under_200 += most_ms < 200;
	spread->over_200 += least_ms > 200;
	spread->over_250 += least_ms > 250;
}

/* Of 120 gaps drawn evenly from 100..300 ms, each outer quarter is missed once in 10^15 times, and
 * a half has fewer than 20 as rarely. */
static void
gaps_are_spread_over_the_jitter_and_never_leave_it(void **state)
{
	struct spread spread = {0};

	(void)state;
	bench.config.rate_limiter_base_delay_ms = 200;
	bench.config.rate_limiter_jitter_percent = 50;
	for (int artist = 0; artist < 120; artist++)
		draw_gap(artist, &spread);
	assert_in_range(spread.under_200, 20, 120);
	assert_in_range(spread.over_200, 20, 120);
	assert_in_range(spread.under_150, 1, 120);
	assert_in_range(spread.over_250, 1, 120);
}

static void
without_jitter_every_gap_is_the_delay(void **state)
{
	struct spread spread = {0};

	(void)state;
	bench.config.rate_limiter_base_delay_ms = 200;
	for (int artist = 0; artist < 40; artist++)
		draw_gap(artist, &spread);
	assert_int_equal(spread.under_200 + spread.over_200, 0);
}

static void
a_success_that_began_before_a_refusal_opens_nothing(void **state)
{
	(void)state;
	assert_true(ask("u", "a").go);
	refuse("u", "b", FAILURE_GATE_USER, 60000);
	gates_ok(bench.gates, "u", "a");
	assert_about(ask("u", "c").wait_ms, 60000);
	for (int i = 0; i < 2; i++)
		refuse("u", "b", FAILURE_GATE_USER, 1);
	gates_ok(bench.gates, "u", "a");
	assert_string_equal(ask("u", "d").reason, "asked to wait");
	bench.config.rate_limiter_enabled = false;
	for (int i = 0; i < 3; i++)
		refuse("v", "b", FAILURE_GATE_USER, 1);
	gates_ok(bench.gates, "v", "a");
	assert_string_equal(ask("v", "c").reason, "circuit");
}

static void
a_circuit_written_by_somebody_else_is_obeyed(void **state)
{
	char text[160];
	const char *argv[] = {"SET", "circuit:deviantart:publish:u", text};

	(void)state;
	snprintf(text, sizeof(text),
		 "{\"state\":\"OPEN\",\"failures\":3,\"lastFailureTime\":%lld,\"config\":{"
		 "\"openDuration\":90000}}",
		 (long long)clock_wall_ms() - 1000);
	redis_reply_free(redis_call(bench.redis, 5000, NULL, 3, argv, NULL));
	assert_about(ask("u", "a").wait_ms, 89000);
}

static void
keys_of_another_type_are_no_obstacle(void **state)
{
	static const char *const keys[] = {
		"rate-limit:u:state",           "rate-limit:u:slots",
		"circuit:deviantart:publish:u", "circuit:deviantart:application",
		"circuit:deviantart:index",     "rate-limit:index"};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *const argv[] = {"HSET", keys[i], "a", "b"};

		redis_reply_free(redis_call(bench.redis, 5000, NULL, 4, argv, NULL));
	}
	assert_true(ask("u", "a").go);
	assert_false(ask("u", "b").go);
	refuse("u", "a", FAILURE_GATE_APPLICATION, 1000);
}

static void
with_the_limiter_off_nothing_is_paced(void **state)
{
	(void)state;
	bench.config.rate_limiter_enabled = false;
	for (int i = 0; i < 20; i++)
		assert_true(ask("u", "a").go);
}

static void
with_the_limiter_off_a_wait_that_was_asked_for_still_holds(void **state)
{
	(void)state;
	bench.config.rate_limiter_enabled = false;
	assert_true(ask("u", "a").go);
	assert_in_range(refuse("u", "a", FAILURE_GATE_USER, 60000), 60000, 72000);
	assert_about(ask("u", "b").wait_ms, 60000);
	assert_string_equal(ask("u", "b").reason, "asked to wait");
	assert_true(ask("v", "b").go);
}

static void
retry_after_is_honoured_and_never_cut_short(void **state)
{
	(void)state;
	assert_true(ask("u", "a").go);
	assert_in_range(refuse("u", "a", FAILURE_GATE_USER, 30000), 30000, 36000);
	assert_about(ask("u", "a").wait_ms, 30000);
	/* Behind it the queue goes on one delay apart: the delay is doubled by the refusal. */
	assert_about(ask("u", "b").wait_ms, 32000);
}

static void
the_delay_doubles_with_refusals_and_falls_with_successes(void **state)
{
	struct timespec pause = {.tv_nsec = 20000000};

	(void)state;
	bench.config.circuit_breaker_enabled = false;
	assert_true(ask("u", "a").go);
	assert_in_range(refuse("u", "a", FAILURE_GATE_USER, -1), 2000, 2400);
	assert_in_range(refuse("u", "a", FAILURE_GATE_USER, -1), 4000, 4800);
	assert_in_range(refuse("u", "a", FAILURE_GATE_USER, -1), 8000, 9600);
	assert_in_range(refuse("u", "a", FAILURE_GATE_USER, -1), 8000, 9600); /* the maximum */
	/* Not blocked any more, as after a Retry-After that is over: each success halves the delay.
	 */
	for (int i = 0; i < 3; i++)
		refuse("v", "a", FAILURE_GATE_USER, 1);
	nanosleep(&pause, NULL);
	gates_ok(bench.gates, "v", "a");
	gates_ok(bench.gates, "v", "a");
	assert_in_range(refuse("v", "a", FAILURE_GATE_USER, -1), 4000, 4800);
}

static char *
get(const char *key)
{
	const char *const argv[] = {"GET", key};
	redisReply *reply = redis_call(bench.redis, 5000, NULL, 2, argv, NULL);
	char *text = reply != NULL && reply->type == REDIS_REPLY_STRING ? strdup(reply->str) : NULL;

	redis_reply_free(reply);
	return text;
}

static void
three_refusals_open_the_circuit_and_one_probe_closes_it(void **state)
{
	char *circuit;

	(void)state;
	bench.config.rate_limiter_enabled = false;
	for (int i = 0; i < 2; i++)
		refuse("u", "a", FAILURE_GATE_USER, 1);
	circuit = get("circuit:deviantart:publish:u");
	assert_non_null(strstr(circuit, "\"CLOSED\""));
	free(circuit);
	assert_in_range(refuse("u", "a", FAILURE_GATE_USER, 1), 300, 360);
	circuit = get("circuit:deviantart:publish:u");
	assert_non_null(strstr(circuit, "\"OPEN\""));
	assert_non_null(strstr(circuit, "\"openDuration\""));
	free(circuit);
	assert_string_equal(ask("u", "b").reason, "circuit");
	wait_for_go("u", "b", 5000);
	/* Half-open: exactly one probe, whoever asks. */
	assert_false(ask("u", "c").go);
	assert_false(ask("u", "d").go);
	assert_true(ask("u", "b").go); /* the probe itself may ask again */
	gates_ok(bench.gates, "u", "b");
	assert_true(ask("u", "c").go);
	circuit = get("circuit:deviantart:publish:u");
	assert_null(circuit);
	free(circuit);
}

static void
a_probe_that_fails_opens_the_circuit_again(void **state)
{
	(void)state;
	bench.config.rate_limiter_enabled = false;
	for (int i = 0; i < 3; i++)
		refuse("u", "a", FAILURE_GATE_USER, 1);
	wait_for_go("u", "b", 5000);
	refuse("u", "b", FAILURE_GATE_USER, 1);
	assert_string_equal(ask("u", "c").reason, "circuit");
}

static void
a_probe_that_ends_without_a_verdict_leaves_the_next_one_in(void **state)
{
	(void)state;
	bench.config.rate_limiter_enabled = false;
	for (int i = 0; i < 3; i++)
		refuse("u", "a", FAILURE_GATE_USER, 1);
	wait_for_go("u", "b", 5000);
	assert_false(ask("u", "c").go);
	gates_leave(bench.gates, "u", "b");
	assert_true(ask("u", "c").go);
}

static void
an_application_refusal_shuts_everybodys_gate(void **state)
{
	(void)state;
	bench.config.rate_limiter_enabled = false;
	bench.config.circuit_breaker_enabled = false;
	assert_in_range(refuse("u", "a", FAILURE_GATE_APPLICATION, 300), 300, 360);
	assert_string_equal(ask("v", "x").reason, "application circuit");
	assert_string_equal(ask("u", "y").reason, "application circuit");
	wait_for_go("v", "x", 5000);
	assert_false(ask("w", "z").go); /* one probe for all */
	gates_ok(bench.gates, "v", "x");
	assert_true(ask("w", "z").go);
}

static void
a_success_from_before_does_not_open_the_applications_gate(void **state)
{
	(void)state;
	bench.config.rate_limiter_enabled = false;
	refuse("u", "a", FAILURE_GATE_APPLICATION, 60000);
	gates_ok(bench.gates, "v", "x");
	assert_false(ask("v", "y").go);
}

static void
keys_of_another_shape_count_as_absent(void **state)
{
	static const char *const texts[] = {"",
					    "garbage",
					    "[1,2]",
					    "\"x\"",
					    "7",
					    "null",
					    "{\"state\":7,\"delay\":\"x\",\"openUntil\":[]}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *const state_key[] = {"SET", "rate-limit:u:state", texts[i]};
		const char *const circuit_key[] = {"SET", "circuit:deviantart:publish:u", texts[i]};
		const char *const slots[] = {"DEL", "rate-limit:u:slots"};

		redis_reply_free(redis_call(bench.redis, 5000, NULL, 3, state_key, NULL));
		redis_reply_free(redis_call(bench.redis, 5000, NULL, 3, circuit_key, NULL));
		redis_reply_free(redis_call(bench.redis, 5000, NULL, 2, slots, NULL));
		assert_true(ask("u", "a").go);
	}
}

static void
every_key_expires(void **state)
{
	static const char *const keys[] = {
		"rate-limit:u:state",           "rate-limit:u:slots",
		"circuit:deviantart:publish:u", "circuit:deviantart:application",
		"circuit:deviantart:index",     "rate-limit:index"};

	(void)state;
	ask("u", "a");
	ask("u", "b");
	refuse("u", "a", FAILURE_GATE_USER, 1000);
	refuse("u", "a", FAILURE_GATE_APPLICATION, 1000);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *const argv[] = {"PTTL", keys[i]};
		redisReply *reply = redis_call(bench.redis, 5000, NULL, 2, argv, NULL);
		long long ttl = reply != NULL ? reply->integer : -3;

		redis_reply_free(reply);
		if (ttl <= 0)
			fail_msg("%s has a PTTL of %lld", keys[i], ttl);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(slots_are_one_delay_apart_and_reserved_in_order, fresh),
		cmocka_unit_test_setup(another_artist_is_not_held_up, fresh),
		cmocka_unit_test_setup(a_reservation_is_let_through_when_its_time_comes, fresh),
		cmocka_unit_test_setup(late_comers_are_spaced_anew, fresh),
		cmocka_unit_test_setup(a_gap_longer_than_the_delay_costs_nobody_his_place, fresh),
		cmocka_unit_test_setup(gaps_are_spread_over_the_jitter_and_never_leave_it, fresh),
		cmocka_unit_test_setup(without_jitter_every_gap_is_the_delay, fresh),
		cmocka_unit_test_setup(a_success_that_began_before_a_refusal_opens_nothing, fresh),
		cmocka_unit_test_setup(a_circuit_written_by_somebody_else_is_obeyed, fresh),
		cmocka_unit_test_setup(keys_of_another_type_are_no_obstacle, fresh),
		cmocka_unit_test_setup(with_the_limiter_off_nothing_is_paced, fresh),
		cmocka_unit_test_setup(with_the_limiter_off_a_wait_that_was_asked_for_still_holds,
				       fresh),
		cmocka_unit_test_setup(retry_after_is_honoured_and_never_cut_short, fresh),
		cmocka_unit_test_setup(the_delay_doubles_with_refusals_and_falls_with_successes,
				       fresh),
		cmocka_unit_test_setup(three_refusals_open_the_circuit_and_one_probe_closes_it,
				       fresh),
		cmocka_unit_test_setup(a_probe_that_fails_opens_the_circuit_again, fresh),
		cmocka_unit_test_setup(a_probe_that_ends_without_a_verdict_leaves_the_next_one_in,
				       fresh),
		cmocka_unit_test_setup(an_application_refusal_shuts_everybodys_gate, fresh),
		cmocka_unit_test_setup(a_success_from_before_does_not_open_the_applications_gate,
				       fresh),
		cmocka_unit_test_setup(keys_of_another_shape_count_as_absent, fresh),
		cmocka_unit_test_setup(every_key_expires, fresh),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

/*
 * gates.c: what the script answers is believed within reason.
 *
 * link with: -Wl,--wrap=redis_eval
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/false_redis.h"
#include "worker/gates.h"

#define DAY_MS (24LL * 3600 * 1000)

static int64_t
asked(const char *wait)
{
	static const struct config config = {.rate_limiter_enabled = true};
	struct gates *gates = gates_new(&config, NULL);
	struct gates_verdict verdict;
	struct failure why;
	char wire[64];

	snprintf(wire, sizeof(wire), "*3\r\n$4\r\nWAIT\r\n:%s\r\n$4\r\npace\r\n", wait);
	false_redis_answers(wire);
	assert_true(gates_ask(gates, "user", "d:f", &verdict, &why));
	assert_false(verdict.go);
	assert_string_equal(verdict.reason, "pace");
	gates_free(gates);
	return verdict.wait_ms;
}

static void
a_wait_is_of_the_kind_that_its_reason_says(void **state)
{
	static const struct {
		const char *wire;
		enum wait_reason kind;
	} rows[] = {
		{"*3\r\n$4\r\nWAIT\r\n:1\r\n$4\r\npace\r\n", WAIT_PACE},
		{"*3\r\n$4\r\nWAIT\r\n:1\r\n$13\r\nasked to wait\r\n", WAIT_ASKED},
		{"*3\r\n$4\r\nWAIT\r\n:1\r\n$7\r\ncircuit\r\n", WAIT_CIRCUIT},
		{"*3\r\n$4\r\nWAIT\r\n:1\r\n$19\r\napplication circuit\r\n", WAIT_APPLICATION},
	};
	static const struct config config = {.rate_limiter_enabled = true};
	struct gates *gates = gates_new(&config, NULL);
	struct gates_verdict verdict;
	struct failure why;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		false_redis_answers(rows[i].wire);
		assert_true(gates_ask(gates, "user", "d:f", &verdict, &why));
		assert_int_equal(verdict.kind, rows[i].kind);
	}
	gates_free(gates);
}

static int64_t
refused(const char *wait)
{
	static const struct config config = {.rate_limiter_enabled = true};
	struct gates *gates = gates_new(&config, NULL);
	struct failure refusal;
	int64_t wait_ms = 0;
	char wire[64];

	snprintf(wire, sizeof(wire), "*1\r\n:%s\r\n", wait);
	false_redis_answers(wire);
	failure_set(&refusal, FAILURE_RATE_LIMIT, "slow down");
	gates_refused(gates, "user", "d:f", &refusal, &wait_ms);
	gates_free(gates);
	return wait_ms;
}

static void
a_wait_is_taken_as_it_is(void **state)
{
	(void)state;
	assert_int_equal(asked("1500"), 1500);
	assert_in_range(refused("1500"), 1500, 1800);
}

static void
no_wait_is_longer_than_a_day_whatever_redis_says(void **state)
{
	(void)state;
	assert_int_equal(asked("9223372036854775807"), DAY_MS);
	assert_in_range(refused("9223372036854775807"), DAY_MS, DAY_MS + DAY_MS / 5);
	assert_int_equal(asked("-9223372036854775808"), 1);
	assert_in_range(refused("-9223372036854775808"), 5000, 6000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wait_is_taken_as_it_is),
		cmocka_unit_test(a_wait_is_of_the_kind_that_its_reason_says),
		cmocka_unit_test(no_wait_is_longer_than_a_day_whatever_redis_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * retry.c: contract.md "Failures", third column, row by row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "worker/retry.h"

/* 0.5 means no jitter for waits of ours; waits that somebody asked for get +10 % then. */
#define MIDDLE 0.5

static struct failure
failure_of(enum failure_category category)
{
	struct failure why;

	failure_set(&why, category, "x");
	return why;
}

static struct retry_history
fresh(void)
{
	return (struct retry_history){.refused_for_ms = -1,
				      .max_attempts = 7,
				      .gate_wait_ms = -1,
				      .unknown_wait_ms = 120000};
}

/* The waits of a category, one after the other; ends where it is given up. */
static void
assert_series(enum failure_category category, const int64_t *expected_ms, int count, bool ends)
{
	struct failure why = failure_of(category);
	struct retry_history history = fresh();

	history.max_attempts = 50;
	for (int n = 0; n < count; n++) {
		struct retry_decision decision = retry_decide(&why, &history, MIDDLE);

		assert_int_equal(decision.action, RETRY_ATTEMPT);
		assert_int_equal(decision.delay_ms, expected_ms[n]);
		assert_string_equal(decision.count_as, failure_category_name(category));
		history.category_retries++;
		history.attempts_made++;
	}
	if (ends)
		assert_int_equal(retry_decide(&why, &history, MIDDLE).action, RETRY_FAIL);
}

static void
each_category_has_its_series_of_waits(void **state)
{
	static const int64_t network[] = {2000, 4000, 8000, 16000, 32000, 64000, 64000};
	static const int64_t server[] = {3000, 6000, 12000, 24000, 48000, 96000, 96000};
	static const int64_t quota[] = {60000, 120000, 180000, 240000};
	static const int64_t auth[] = {2000, 5000, 10000};
	static const int64_t unknown[] = {5000, 15000, 30000};

	(void)state;
	assert_series(FAILURE_NETWORK_ERROR, network, 7, false);
	assert_series(FAILURE_SERVER_ERROR, server, 7, false);
	assert_series(FAILURE_QUOTA_EXCEEDED, quota, 4, false);
	assert_series(FAILURE_AUTH_ERROR, auth, 3, true);
	assert_series(FAILURE_UNKNOWN, unknown, 3, true);
}

static void
the_last_attempt_is_not_retried(void **state)
{
	struct failure why = failure_of(FAILURE_NETWORK_ERROR);
	struct retry_history history = fresh();

	(void)state;
	history.attempts_made = 5;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).action, RETRY_ATTEMPT);
	history.attempts_made = 6;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).action, RETRY_FAIL);
	history.attempts_made = 0;
	history.max_attempts = 1;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).action, RETRY_FAIL);
}

static void
a_jobs_own_backoff_wins(void **state)
{
	struct failure why = failure_of(FAILURE_SERVER_ERROR);
	struct queue_backoff fixed = {.kind = QUEUE_BACKOFF_FIXED, .delay_ms = 700};
	struct queue_backoff exponential = {.kind = QUEUE_BACKOFF_EXPONENTIAL, .delay_ms = 1000};
	struct queue_backoff unknown = {.kind = QUEUE_BACKOFF_UNKNOWN, .delay_ms = 1};
	struct retry_history history = fresh();

	(void)state;
	history.backoff = &fixed;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).delay_ms, 700);
	history.backoff = &exponential;
	history.attempts_made = 3;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).delay_ms, 8000);
	history.backoff = &unknown;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).delay_ms, 3000);
}

static void
a_validation_error_and_a_dead_login_are_final(void **state)
{
	struct retry_history history = fresh();
	struct failure bad = failure_of(FAILURE_VALIDATION_ERROR);
	struct failure dead = failure_of(FAILURE_REFRESH_TOKEN_EXPIRED);

	(void)state;
	assert_int_equal(retry_decide(&bad, &history, MIDDLE).action, RETRY_FAIL);
	assert_int_equal(retry_decide(&dead, &history, MIDDLE).action, RETRY_FAIL);
}

static void
a_refusal_burns_no_attempt_and_waits_as_the_gate_says(void **state)
{
	struct failure why = failure_of(FAILURE_RATE_LIMIT);
	struct retry_history history = fresh();
	struct retry_decision decision;

	(void)state;
	history.attempts_made = 6; /* the next failed attempt would be the last */
	history.gate_wait_ms = 4321;
	decision = retry_decide(&why, &history, MIDDLE);
	assert_int_equal(decision.action, RETRY_WAIT);
	assert_int_equal(decision.delay_ms, 4321);
	assert_null(decision.count_as);
	assert_true(decision.refusal);
}

static void
what_is_asked_for_is_never_cut_short(void **state)
{
	struct failure why = failure_of(FAILURE_RATE_LIMIT);
	struct retry_history history = fresh();

	(void)state;
	why.wait_ms = 10000;
	for (int i = 0; i <= 10; i++) {
		int64_t delay_ms = retry_decide(&why, &history, i / 10.0).delay_ms;

		assert_in_range(delay_ms, 10000, 12000);
	}
}

static void
our_own_waits_stay_within_a_fifth(void **state)
{
	struct failure why = failure_of(FAILURE_NETWORK_ERROR);
	struct retry_history history = fresh();

	(void)state;
	assert_int_equal(retry_decide(&why, &history, 0).delay_ms, 1600);
	assert_int_equal(retry_decide(&why, &history, 1).delay_ms, 2400);
}

static void
refusals_and_outages_are_given_up_after_a_day(void **state)
{
	struct failure refusal = failure_of(FAILURE_RATE_LIMIT);
	struct failure outage = failure_of(FAILURE_NETWORK_ERROR);
	struct retry_history history = fresh();

	(void)state;
	outage.outage = true;
	history.refused_for_ms = 24LL * 3600 * 1000 - 1;
	assert_int_equal(retry_decide(&refusal, &history, MIDDLE).action, RETRY_WAIT);
	assert_int_equal(retry_decide(&outage, &history, MIDDLE).action, RETRY_WAIT);
	history.refused_for_ms++;
	assert_int_equal(retry_decide(&refusal, &history, MIDDLE).action, RETRY_FAIL);
	assert_int_equal(retry_decide(&outage, &history, MIDDLE).action, RETRY_FAIL);
}

static void
an_outage_burns_no_attempt_and_waits_longer_each_time(void **state)
{
	struct failure why = failure_of(FAILURE_SERVER_ERROR);
	struct retry_history history = fresh();
	struct retry_decision decision;

	(void)state;
	why.outage = true;
	history.attempts_made = 6;
	history.outages = 2;
	decision = retry_decide(&why, &history, MIDDLE);
	assert_int_equal(decision.action, RETRY_WAIT);
	assert_int_equal(decision.delay_ms, 12000);
	assert_string_equal(decision.count_as, "OUTAGE");
}

static void
servers_that_are_away_are_waited_for_without_end(void **state)
{
	struct failure why = failure_of(FAILURE_AWAY);
	struct retry_history history = fresh();

	(void)state;
	history.attempts_made = 6;
	history.refused_for_ms = 48LL * 3600 * 1000;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).delay_ms, 1000);
	history.away_streak = 3;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).delay_ms, 8000);
	history.away_streak = 60;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).delay_ms, 30000);
	assert_int_equal(retry_decide(&why, &history, MIDDLE).action, RETRY_WAIT);
}

static void
somebody_elses_refresh_is_waited_for_shortly(void **state)
{
	struct failure why = failure_of(FAILURE_AWAY);
	struct retry_history history = fresh();
	struct retry_decision decision;

	(void)state;
	why.wait_ms = 400;
	history.away_streak = 9;
	decision = retry_decide(&why, &history, 0);
	assert_int_equal(decision.delay_ms, 400);
	assert_null(decision.count_as);
}

static void
what_only_the_operator_can_mend_waits(void **state)
{
	struct failure why = failure_of(FAILURE_OPERATOR);
	struct retry_history history = fresh();

	(void)state;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).action, RETRY_WAIT);
	assert_int_equal(retry_decide(&why, &history, MIDDLE).delay_ms, 30000);
}

static void
a_stop_a_lost_lock_and_an_unknown_outcome_have_ways_of_their_own(void **state)
{
	struct retry_history history = fresh();
	struct failure stopped = failure_of(FAILURE_STOPPED);
	struct failure lost = failure_of(FAILURE_LOST);
	struct failure unknown = failure_of(FAILURE_OUTCOME_UNKNOWN);

	(void)state;
	assert_int_equal(retry_decide(&stopped, &history, MIDDLE).action, RETRY_PUT_BACK);
	assert_int_equal(retry_decide(&lost, &history, MIDDLE).action, RETRY_LET_GO);
	assert_int_equal(retry_decide(&unknown, &history, MIDDLE).action, RETRY_RECONCILE);
	assert_int_equal(retry_decide(&unknown, &history, MIDDLE).delay_ms, 120000);
}

static void
a_number_out_of_range_is_treated_as_unknown(void **state)
{
	struct retry_history history = fresh();
	struct failure why = failure_of(FAILURE_UNKNOWN);

	(void)state;
	why.category = (enum failure_category)99;
	assert_int_equal(retry_decide(&why, &history, MIDDLE).action, RETRY_ATTEMPT);
	assert_int_equal(retry_decide(&why, &history, MIDDLE).delay_ms, 5000);
}

static void
a_wait_is_told_by_its_reason(void **state)
{
	static const struct {
		enum failure_category category;
		enum retry_action action;
		enum wait_reason reason;
	} rows[] = {
		{FAILURE_NETWORK_ERROR, RETRY_ATTEMPT, WAIT_ATTEMPT},
		{FAILURE_QUOTA_EXCEEDED, RETRY_ATTEMPT, WAIT_ATTEMPT},
		{FAILURE_RATE_LIMIT, RETRY_WAIT, WAIT_REFUSED},
		{FAILURE_OPERATOR, RETRY_WAIT, WAIT_OPERATOR},
		{FAILURE_AWAY, RETRY_WAIT, WAIT_SERVER},
		{FAILURE_LOST, RETRY_LET_GO, WAIT_LOST},
		{FAILURE_STOPPED, RETRY_PUT_BACK, WAIT_STOPPED},
		{FAILURE_OUTCOME_UNKNOWN, RETRY_RECONCILE, WAIT_UNKNOWN},
		{FAILURE_AUTH_ERROR, RETRY_WAIT, WAIT_UNKNOWN},
	};
	struct failure why;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = failure_of(rows[i].category);
		assert_int_equal(retry_wait_reason(&why, rows[i].action), rows[i].reason);
	}
	why = failure_of(FAILURE_SERVER_ERROR);
	why.outage = true;
	assert_int_equal(retry_wait_reason(&why, RETRY_WAIT), WAIT_DEVIANTART);
	why = failure_of(FAILURE_AWAY);
	why.absent = FAILURE_ABSENT_TOKEN;
	assert_int_equal(retry_wait_reason(&why, RETRY_WAIT), WAIT_TOKEN);
	why.absent = FAILURE_ABSENT_STORAGE;
	assert_int_equal(retry_wait_reason(&why, RETRY_WAIT), WAIT_STORAGE);
	why.is_setting = true;
	assert_int_equal(retry_wait_reason(&why, RETRY_WAIT), WAIT_OPERATOR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_category_has_its_series_of_waits),
		cmocka_unit_test(the_last_attempt_is_not_retried),
		cmocka_unit_test(a_jobs_own_backoff_wins),
		cmocka_unit_test(a_validation_error_and_a_dead_login_are_final),
		cmocka_unit_test(a_refusal_burns_no_attempt_and_waits_as_the_gate_says),
		cmocka_unit_test(what_is_asked_for_is_never_cut_short),
		cmocka_unit_test(our_own_waits_stay_within_a_fifth),
		cmocka_unit_test(refusals_and_outages_are_given_up_after_a_day),
		cmocka_unit_test(an_outage_burns_no_attempt_and_waits_longer_each_time),
		cmocka_unit_test(servers_that_are_away_are_waited_for_without_end),
		cmocka_unit_test(somebody_elses_refresh_is_waited_for_shortly),
		cmocka_unit_test(what_only_the_operator_can_mend_waits),
		cmocka_unit_test(a_stop_a_lost_lock_and_an_unknown_outcome_have_ways_of_their_own),
		cmocka_unit_test(a_number_out_of_range_is_treated_as_unknown),
		cmocka_unit_test(a_wait_is_told_by_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

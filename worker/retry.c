/*
 * retry.c - what happens after a failure.                               [worker]
 */
#include "worker/retry.h"

#include <stddef.h>

#define GIVE_UP_AFTER_MS (24LL * 3600 * 1000)
#define LOOK_AGAIN_MS    1000
#define OPERATOR_WAIT_MS 30000

/* The n-th wait (from 1) of a series. */
static int64_t
doubling(int n, int64_t first_ms, int64_t most_ms)
{
	int64_t ms = first_ms << (n > 1 ? (n < 20 ? n - 1 : 19) : 0);

	return ms < most_ms ? ms : most_ms;
}

static int64_t
network_ms(int n)
{
	return doubling(n, 2000, 64000);
}

static int64_t
server_ms(int n)
{
	return doubling(n, 3000, 96000);
}

static int64_t
quota_ms(int n)
{
	return (int64_t)n * 60000;
}

static int64_t
auth_ms(int n)
{
	static const int64_t ms[] = {2000, 5000, 10000};

	return ms[n < 3 ? n - 1 : 2];
}

static int64_t
unknown_ms(int n)
{
	static const int64_t ms[] = {5000, 15000, 30000};

	return ms[n < 3 ? n - 1 : 2];
}

/* The whole policy on one screen. */
static const struct rule {
	enum retry_action action;
	int64_t (*wait_ms)(int n); /* the n-th wait, when nobody asked for another */
	int most; /* retries of this category; 0 = as many as the job has attempts */
} rules[FAILURE_CATEGORY_COUNT] = {
	[FAILURE_NONE] = {RETRY_FAIL, NULL, 0},
	[FAILURE_RATE_LIMIT] = {RETRY_WAIT, network_ms, 0},
	[FAILURE_AUTH_ERROR] = {RETRY_ATTEMPT, auth_ms, 3},
	[FAILURE_TOKEN_EXPIRED] = {RETRY_ATTEMPT, auth_ms, 3},
	[FAILURE_REFRESH_TOKEN_EXPIRED] = {RETRY_FAIL, NULL, 0},
	[FAILURE_NETWORK_ERROR] = {RETRY_ATTEMPT, network_ms, 0},
	[FAILURE_SERVER_ERROR] = {RETRY_ATTEMPT, server_ms, 0},
	[FAILURE_QUOTA_EXCEEDED] = {RETRY_ATTEMPT, quota_ms, 0},
	[FAILURE_VALIDATION_ERROR] = {RETRY_FAIL, NULL, 0},
	[FAILURE_UNKNOWN] = {RETRY_ATTEMPT, unknown_ms, 3},
	[FAILURE_AWAY] = {RETRY_WAIT, NULL, 0},
	[FAILURE_OPERATOR] = {RETRY_WAIT, NULL, 0},
	[FAILURE_LOST] = {RETRY_LET_GO, NULL, 0},
	[FAILURE_STOPPED] = {RETRY_PUT_BACK, NULL, 0},
	[FAILURE_OUTCOME_UNKNOWN] = {RETRY_RECONCILE, NULL, 0},
};

static int64_t
around(int64_t ms, double chance)
{
	int64_t jittered = (int64_t)((double)ms * (0.8 + 0.4 * chance));

	return jittered > 1 ? jittered : 1;
}

static int64_t
later(int64_t ms, double chance)
{
	return (int64_t)((double)ms * (1.0 + 0.2 * chance));
}

int64_t
retry_away_ms(int streak, double chance)
{
	return around(doubling(streak, 1000, 30000), chance);
}

/* The job's own back-off (bullmq-protocol.md 3.3) for the attempt that just failed; -1: it has none
 * that we know. */
static int64_t
own_backoff_ms(const struct retry_history *history, double chance)
{
	const struct queue_backoff *backoff = history->backoff;
	double most;

	if (backoff == NULL || backoff->kind == QUEUE_BACKOFF_NONE ||
	    backoff->kind == QUEUE_BACKOFF_UNKNOWN)
		return -1;
	most = (double)backoff->delay_ms;
	if (backoff->kind == QUEUE_BACKOFF_EXPONENTIAL)
		most *= (double)(1LL
				 << (history->attempts_made < 40 ? history->attempts_made : 40));
	if (most > 30.0 * 24 * 3600 * 1000)
		most = 30.0 * 24 * 3600 * 1000;
	return (int64_t)(most * (1 - backoff->jitter * (1 - chance)) + 0.5);
}

static struct retry_decision
give_up(void)
{
	return (struct retry_decision){.action = RETRY_FAIL};
}

/* A refusal (429 and the like) or an outage: waits, burns nothing, ends after 24 h. */
static struct retry_decision
wait_it_out(const struct failure *failure, const struct retry_history *history, double chance)
{
	struct retry_decision decision = {
		.action = RETRY_WAIT, .refusal = true, .count_as = "OUTAGE"};
	int64_t (*series)(int n) =
		failure->category == FAILURE_SERVER_ERROR ? server_ms : network_ms;

	if (history->refused_for_ms >= GIVE_UP_AFTER_MS)
		return give_up();
	if (failure->category == FAILURE_RATE_LIMIT)
		decision.count_as = NULL;
	if (history->gate_wait_ms >= 0)
		decision.delay_ms = history->gate_wait_ms; /* has its jitter already */
	else if (failure->wait_ms >= 0)
		decision.delay_ms = later(failure->wait_ms, chance);
	else
		decision.delay_ms = around(series(history->outages + 1), chance);
	return decision;
}

static struct retry_decision
attempt(const struct failure *failure, const struct retry_history *history, const struct rule *rule,
	double chance)
{
	struct retry_decision decision = {.action = RETRY_ATTEMPT,
					  .count_as = failure_category_name(failure->category)};
	int64_t own_ms = own_backoff_ms(history, chance);

	if (history->attempts_made + 1 >= history->max_attempts)
		return give_up();
	if (rule->most > 0 && history->category_retries >= rule->most)
		return give_up();
	if (own_ms >= 0)
		decision.delay_ms = own_ms;
	else if (failure->wait_ms < 0)
		decision.delay_ms = around(rule->wait_ms(history->category_retries + 1), chance);
	/* What was asked for is never cut short, by the job's own back-off neither. */
	if (failure->wait_ms >= 0 && later(failure->wait_ms, chance) > decision.delay_ms)
		decision.delay_ms = later(failure->wait_ms, chance);
	return decision;
}

/* Redis, PostgreSQL or the storage is away, or only the operator can mend it: for as long as it
 * takes. */
static struct retry_decision
wait_for_server(const struct failure *failure, const struct retry_history *history, double chance)
{
	struct retry_decision decision = {.action = RETRY_WAIT};

	if (failure->wait_ms >= 0)
		decision.delay_ms = later(failure->wait_ms, chance);
	else if (failure->category == FAILURE_OPERATOR)
		decision.delay_ms = around(OPERATOR_WAIT_MS, chance);
	else
		decision.delay_ms = retry_away_ms(history->away_streak + 1, chance);
	/* Somebody else's refresh and the like are no sign of an outage that should make waits
	 * longer. */
	if (failure->wait_ms < 0)
		decision.count_as = failure_category_name(failure->category);
	return decision;
}

struct retry_decision
retry_decide(const struct failure *failure, const struct retry_history *history, double chance)
{
	unsigned category = (unsigned)failure->category < FAILURE_CATEGORY_COUNT
				    ? (unsigned)failure->category
				    : FAILURE_UNKNOWN;
	const struct rule *rule = &rules[category];

	if (category == FAILURE_RATE_LIMIT || failure->outage)
		return wait_it_out(failure, history, chance);
	switch (rule->action) {
	case RETRY_ATTEMPT:
		return attempt(failure, history, rule, chance);
	case RETRY_WAIT:
		return wait_for_server(failure, history, chance);
	case RETRY_LET_GO:
		return (struct retry_decision){.action = RETRY_LET_GO, .delay_ms = LOOK_AGAIN_MS};
	case RETRY_RECONCILE:
		return (struct retry_decision){.action = RETRY_RECONCILE,
					       .delay_ms = history->unknown_wait_ms};
	case RETRY_PUT_BACK:
	case RETRY_FAIL:
	default:
		return (struct retry_decision){.action = rule->action};
	}
}

static enum wait_reason
of_absence(enum failure_absent absent)
{
	switch (absent) {
	case FAILURE_ABSENT_STORAGE:
		return WAIT_STORAGE;
	case FAILURE_ABSENT_TOKEN:
		return WAIT_TOKEN;
	case FAILURE_ABSENT_SERVER:
	default:
		return WAIT_SERVER;
	}
}

enum wait_reason
retry_wait_reason(const struct failure *failure, enum retry_action action)
{
	if (action == RETRY_ATTEMPT)
		return WAIT_ATTEMPT;
	if (failure->category == FAILURE_RATE_LIMIT)
		return WAIT_REFUSED;
	if (failure->category == FAILURE_OPERATOR || failure->is_setting)
		return WAIT_OPERATOR;
	if (failure->category == FAILURE_AWAY)
		return of_absence(failure->absent);
	if (failure->category == FAILURE_LOST)
		return WAIT_LOST;
	if (failure->category == FAILURE_STOPPED)
		return WAIT_STOPPED;
	/* Anything else is waited out only while an outcome is unknown. */
	return failure->outage ? WAIT_DEVIANTART : WAIT_UNKNOWN;
}

/*
 * verdict.c, gate_words.c: what may be done by hand, and what is said of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <cjson/cJSON.h>
#include <string.h>

#include "worker/hands/gate_words.h"
#include "worker/hands/verdict.h"

#define NOW_MS INT64_C(1765238400000) /* 2025-12-09T00:00:00.000Z */

/* ---- verdicts ---- */

static struct verdict_post
failed_post(void)
{
	return (struct verdict_post){.id = "d1",
				     .status = "failed",
				     .url = "",
				     .due_in_ms = -1000,
				     .files = 1,
				     .state = "failed",
				     .now_ms = NOW_MS};
}

static void
assert_verdict(struct verdict_post post, enum verdict verdict, bool refuses, const char *words)
{
	char text[VERDICT_TEXT_SIZE];

	assert_int_equal(verdict_of(&post), verdict);
	assert_int_equal(verdict_refuses(verdict), refuses);
	if (strstr(verdict_words(verdict, &post, text), words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, text);
	assert_true(strlen(verdict_name(verdict)) > 0);
}

static void
a_failed_post_is_retried_whatever_became_of_its_job(void **state)
{
	static const char *const over[] = {"failed", "completed", "missing", "unknown"};
	struct verdict_post post = failed_post();

	(void)state;
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
		post.state = over[i];
		assert_verdict(post, VERDICT_GO, false, "is tried again");
	}
	post.state = "missing";
	assert_verdict(post, VERDICT_GO, false, "its job was missing, and is in the queue anew");
	post.status = "scheduled";
	post.due_in_ms = 60000;
	assert_verdict(post, VERDICT_GO, false, "in the queue for 2025-12-09T00:01:00.000Z");
}

static void
a_post_whose_job_will_run_is_left_alone(void **state)
{
	static const char *const living[] = {"waiting", "paused",           "delayed",
					     "active",  "waiting-children", "prioritized"};
	struct verdict_post post = failed_post();

	(void)state;
	post.status = "scheduled";
	post.unknown = true;
	for (size_t i = 0; i < sizeof(living) / sizeof(living[0]); i++) {
		post.state = living[i];
		assert_verdict(post, VERDICT_WAITS, false, "nothing was changed");
	}
	post.state = "delayed";
	post.job_due_ms = NOW_MS + 5000;
	assert_verdict(post, VERDICT_WAITS, false,
		       "its job comes 2025-12-09T00:00:05.000Z (in 5 s), and then it is found out");
	/* The row is ahead of its job: the job is about to fail. */
	post = failed_post();
	post.state = "active";
	assert_verdict(post, VERDICT_ENDING, true, "is failing at this moment");
}

static void
what_is_public_or_may_be_is_refused(void **state)
{
	static const char *const any[] = {"failed", "completed", "missing", "waiting", "active"};
	struct verdict_post post = failed_post();

	(void)state;
	post.unknown = true;
	assert_verdict(post, VERDICT_UNKNOWN, true, "look at the gallery first");
	post.status = "publishing";
	assert_verdict(post, VERDICT_UNKNOWN, true, "finds out by itself");
	post.status = "published";
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
		post.state = any[i];
		assert_verdict(post, VERDICT_PUBLISHED, true, "is published already");
	}
	post.url = "https://x/art/y-1";
	assert_verdict(post, VERDICT_PUBLISHED, true, "already: https://x/art/y-1");
}

static void
what_nobody_can_publish_is_refused_with_what_to_do(void **state)
{
	struct verdict_post post = failed_post();

	(void)state;
	post.files = 0;
	assert_verdict(post, VERDICT_NO_FILES, true, "has no files");
	post = failed_post();
	post.locked = true;
	assert_verdict(post, VERDICT_LOCKED, true, "ask again in half an hour");
	post = failed_post();
	post.login_dead = true;
	assert_verdict(post, VERDICT_LOGIN_DEAD, true, "connect his account again");
	post = failed_post();
	post.status = "draft";
	assert_verdict(post, VERDICT_NOT_SCHEDULED, true, "is a draft");
	post.status = "review";
	assert_verdict(post, VERDICT_NOT_SCHEDULED, true, "is in review");
	post.status = "of tomorrow";
	assert_verdict(post, VERDICT_NOT_SCHEDULED, true, "does not know");
}

/* ---- gates ---- */

static struct gate_view
open_view(void)
{
	return (struct gate_view){
		.who = "u1",
		.now_ms = NOW_MS,
		.gates = {.blocked_until_ms = FACTS_NONE,
			  .slot_ms = FACTS_NONE,
			  .circuit_until_ms = FACTS_NONE,
			  .application_until_ms = FACTS_NONE,
			  .circuit_closed = true,
			  .application_closed = true,
			  .delay_ms = FACTS_NONE},
		.limits = {.max = -1, .period_ms = 1000, .concurrency = -1},
		.base_delay_ms = 3000,
		.threshold = 3,
		.breaker_enabled = true,
	};
}

static void
assert_words(const struct gate_view *view, enum hands_gate gate, bool reset, int64_t woken,
	     const char *expected)
{
	char text[GATE_TEXT_SIZE];

	assert_string_equal(gate_words(view, gate, reset, woken, text), expected);
}

static void
circuits_are_told_with_their_end_and_what_they_were(void **state)
{
	struct gate_view view = open_view();

	(void)state;
	assert_true(gate_is_open(&view, HANDS_BREAKER));
	assert_words(&view, HANDS_BREAKER, false, 0, "user u1: the circuit is closed");
	assert_words(&view, HANDS_BREAKER, true, 0,
		     "user u1: the circuit is closed already; nothing was changed");
	view.gates.refusals = 3;
	view.gates.circuit_closed = false;
	view.gates.circuit_until_ms = NOW_MS + 60000;
	assert_false(gate_is_open(&view, HANDS_BREAKER));
	assert_words(&view, HANDS_BREAKER, false, 0,
		     "user u1: the circuit is open until 2025-12-09T00:01:00.000Z (in 1 min 0 s); "
		     "DeviantArt has refused 3 in a row, 3 open it");
	view.gates.blocked_until_ms = NOW_MS + 5000;
	assert_words(
		&view, HANDS_BREAKER, true, 2,
		"user u1: the circuit is closed; it was open until 2025-12-09T00:01:00.000Z "
		"(in 1 min 0 s); DeviantArt has refused 3 in a row, 3 open it; that DeviantArt "
		"asked to wait until 2025-12-09T00:00:05.000Z (in 5 s) still holds: \"limit u1 "
		"--reset\" takes it back; 2 posts that waited are looked at now");
	view = open_view();
	view.is_application = true;
	view.gates.application_closed = false;
	assert_words(&view, HANDS_BREAKER, false, 0,
		     "everybody: the circuit is half open: the next post tries whether DeviantArt "
		     "is willing again");
	view.gates.application_probing = true;
	view.gates.application_until_ms = NOW_MS + 5000;
	assert_words(&view, HANDS_BREAKER, false, 0,
		     "everybody: the circuit is half open: one post tries whether DeviantArt is "
		     "willing again, at most until 2025-12-09T00:00:05.000Z (in 5 s)");
}

static void
paces_are_told_with_who_waits(void **state)
{
	struct gate_view view = open_view();

	(void)state;
	assert_true(gate_is_open(&view, HANDS_LIMIT));
	assert_words(&view, HANDS_LIMIT, false, 0, "user u1: a file every 3 s");
	assert_words(&view, HANDS_LIMIT, true, 0,
		     "user u1: nothing holds the posts back; nothing was changed");
	view.gates.delay_ms = 24000;
	assert_false(gate_is_open(&view, HANDS_LIMIT));
	view.in_line = 12;
	view.last_slot_ms = NOW_MS + 60000;
	view.gates.blocked_until_ms = NOW_MS + 5000;
	assert_words(&view, HANDS_LIMIT, true, 13,
		     "user u1: begins anew with a file every 3 s; it was a file every 24 s; 12 "
		     "in line, the last of them until 2025-12-09T00:01:00.000Z (in 1 min 0 s); "
		     "DeviantArt asked to wait until 2025-12-09T00:00:05.000Z (in 5 s); 13 posts "
		     "that waited are looked at now");
	view.base_delay_ms = FACTS_NONE;
	assert_words(&view, HANDS_LIMIT, false, 0,
		     "user u1: no pace (RATE_LIMITER_ENABLED is off); 12 in line, the last of "
		     "them until 2025-12-09T00:01:00.000Z (in 1 min 0 s); DeviantArt asked to wait "
		     "until 2025-12-09T00:00:05.000Z (in 5 s)");
}

static void
the_queues_own_limits_are_everybodys(void **state)
{
	struct gate_view view = open_view();

	(void)state;
	view.is_application = true;
	assert_words(&view, HANDS_LIMIT, false, 0,
		     "everybody: no limit to how many jobs are started");
	view.limits = (struct queue_limits){
		.max = 5, .period_ms = 1000, .shut_ms = 300, .concurrency = 2, .active = 2};
	assert_words(&view, HANDS_LIMIT, false, 0,
		     "everybody: at most 5 jobs are started in 1 s; it is used up for 300 ms more; "
		     "at most 2 at a time, 2 are in hand");
	assert_words(&view, HANDS_LIMIT, true, 0,
		     "everybody: the queue's rate limit begins anew; it was shut for 300 ms more; "
		     "at most 5 jobs are started in 1 s; at most 2 at a time, 2 are in hand");
}

static void
json_tells_the_same_and_hostile_ids_are_harmless(void **state)
{
	struct gate_view view = open_view();
	cJSON *object = cJSON_CreateObject();
	char text[GATE_TEXT_SIZE];

	(void)state;
	view.who = "u\x1b[2J";
	view.gates.circuit_closed = false;
	view.gates.circuit_until_ms = NOW_MS + 60000;
	assert_null(strchr(gate_words(&view, HANDS_BREAKER, false, 0, text), '\x1b'));
	gate_json(object, &view, HANDS_BREAKER, true, 7);
	assert_string_equal(cJSON_GetObjectItem(object, "state")->valuestring, "open");
	assert_string_equal(cJSON_GetObjectItem(object, "until")->valuestring,
			    "2025-12-09T00:01:00.000Z");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(object, "changed")));
	assert_int_equal(cJSON_GetObjectItem(object, "woken")->valueint, 7);
	assert_null(strchr(cJSON_GetObjectItem(object, "userId")->valuestring, '\x1b'));
	cJSON_Delete(object);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_post_is_retried_whatever_became_of_its_job),
		cmocka_unit_test(a_post_whose_job_will_run_is_left_alone),
		cmocka_unit_test(what_is_public_or_may_be_is_refused),
		cmocka_unit_test(what_nobody_can_publish_is_refused_with_what_to_do),
		cmocka_unit_test(circuits_are_told_with_their_end_and_what_they_were),
		cmocka_unit_test(paces_are_told_with_who_waits),
		cmocka_unit_test(the_queues_own_limits_are_everybodys),
		cmocka_unit_test(json_tells_the_same_and_hostile_ids_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

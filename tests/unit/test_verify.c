/*
 * test_verify.c - the audit's pure parts: suspicions, judging jobs and rows, secrets, the report.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/verify/judge.h"
#include "worker/verify/places.h"
#include "worker/verify/report.h"
#include "worker/verify/row.h"
#include "worker/verify/secrets.h"
#include "worker/verify/suspicions.h"

/* ---- suspicions ---- */

/* One look at time now_ms that sees these (id, evidence) pairs; settles after 1000 ms. */
static void
look(struct suspicions *s, bool first, int64_t now_ms, const char *const *pairs)
{
	suspicions_begin(s, EXAMINER_ROWS, first);
	for (; *pairs != NULL; pairs += 2) {
		const struct sighting sighting = {.examiner = EXAMINER_ROWS,
						  .check = CHECK_NO_JOB,
						  .id = pairs[0],
						  .settle_ms = 1000,
						  .evidence = pairs[1],
						  .text = "text"};

		suspicions_add(s, &sighting, now_ms);
	}
	suspicions_end(s, EXAMINER_ROWS, now_ms);
}

#define PAIRS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void
what_stays_wrong_long_enough_is_confirmed(void **state)
{
	struct suspicions s;

	(void)state;
	suspicions_init(&s);
	look(&s, true, 0, PAIRS("a", "1"));
	assert_int_equal(suspicions_confirmed(&s), 0);
	look(&s, false, 999, PAIRS("a", "1"));
	assert_int_equal(suspicions_confirmed(&s), 0);
	look(&s, false, 1000, PAIRS("a", "1"));
	assert_int_equal(suspicions_confirmed(&s), 1);
	assert_int_equal(suspicions_open(&s), 0);
	/* Confirmed is confirmed. */
	look(&s, false, 2000, PAIRS());
	assert_int_equal(suspicions_confirmed(&s), 1);
	suspicions_free(&s);
}

static void
one_look_confirms_nothing_however_late(void **state)
{
	struct suspicions s;

	(void)state;
	suspicions_init(&s);
	look(&s, true, 0, PAIRS("a", "1"));
	suspicions_end(&s, EXAMINER_ROWS, 100000);
	assert_int_equal(suspicions_confirmed(&s), 0);
	suspicions_free(&s);
}

static void
what_is_not_seen_again_is_dropped(void **state)
{
	struct suspicions s;

	(void)state;
	suspicions_init(&s);
	look(&s, true, 0, PAIRS("a", "1", "b", "1"));
	look(&s, false, 500, PAIRS("b", "1"));
	assert_int_equal(suspicions_open(&s), 1);
	assert_string_equal(s.list[0].id, "b");
	/* Another examiner's end says nothing of it. */
	suspicions_begin(&s, EXAMINER_JOBS, false);
	suspicions_end(&s, EXAMINER_JOBS, 600);
	assert_int_equal(suspicions_open(&s), 1);
	suspicions_free(&s);
}

static void
other_evidence_begins_anew_and_what_keeps_changing_is_let_go(void **state)
{
	const char *const versions[] = {"2", "3", "4", "5", "6"};
	struct suspicions s;

	(void)state;
	suspicions_init(&s);
	look(&s, true, 0, PAIRS("a", "1"));
	look(&s, false, 1500, PAIRS("a", "2"));
	assert_int_equal(suspicions_confirmed(&s), 0);
	look(&s, false, 2400, PAIRS("a", "2"));
	assert_int_equal(suspicions_confirmed(&s), 0);
	for (int i = 1; i < 5; i++)
		look(&s, false, 10000 * i, PAIRS("a", versions[i]));
	assert_int_equal(s.count, 0);
	assert_int_equal(s.moving, 1);
	suspicions_free(&s);
}

static void
later_looks_add_none_and_twice_in_one_look_is_once(void **state)
{
	const char *ids[4];
	struct suspicions s;

	(void)state;
	suspicions_init(&s);
	look(&s, true, 0, PAIRS("a", "1", "a", "1"));
	look(&s, false, 500, PAIRS("a", "1", "b", "1"));
	assert_int_equal(s.count, 1);
	assert_int_equal(suspicions_ids(&s, EXAMINER_ROWS, ids, 4), 1);
	assert_string_equal(ids[0], "a");
	assert_int_equal(suspicions_ids(&s, EXAMINER_JOBS, ids, 4), 0);
	suspicions_free(&s);
}

static void
more_than_can_be_held_are_counted(void **state)
{
	struct suspicions s;
	char id[16];

	(void)state;
	suspicions_init(&s);
	suspicions_begin(&s, EXAMINER_ROWS, true);
	for (int i = 0; i < SUSPICIONS_MAX + 5; i++) {
		const struct sighting sighting = {.examiner = EXAMINER_ROWS,
						  .check = CHECK_NO_JOB,
						  .id = id,
						  .evidence = "",
						  .text = ""};

		snprintf(id, sizeof(id), "%d", i);
		suspicions_add(&s, &sighting, 0);
	}
	assert_int_equal(s.count, SUSPICIONS_MAX);
	assert_int_equal(s.beyond[CHECK_NO_JOB], 5);
	suspicions_free(&s);
}

static void
pauses_grow_and_end_when_the_first_is_settled(void **state)
{
	struct suspicions s;

	(void)state;
	suspicions_init(&s);
	look(&s, true, 0, PAIRS("a", "1"));
	s.list[0].settle_ms = 100000;
	assert_int_equal(suspicions_pause_ms(&s, 1, 0), 500);
	assert_int_equal(suspicions_pause_ms(&s, 2, 500), 1000);
	assert_int_equal(suspicions_pause_ms(&s, 3, 1500), 2000);
	assert_int_equal(suspicions_pause_ms(&s, 99, 3500), 8000);
	assert_int_equal(suspicions_pause_ms(&s, 99, 99000), 1000);
	assert_in_range(suspicions_pause_ms(&s, 1, 200000), 1, 100);
	suspicions_free(&s);
}

/* ---- secrets, places ---- */

static void
secrets_are_found_anywhere_in_a_text(void **state)
{
	struct secrets *secrets = secrets_new();
	char token[40];

	(void)state;
	assert_non_null(secrets);
	secrets_add(secrets, "short", "1234567");
	secrets_add(secrets, "none", NULL);
	secrets_add(secrets, "the secret", "s3cret-of-ours");
	/* More than the table begins with. */
	for (int i = 0; i < 5000; i++) {
		snprintf(token, sizeof(token), "token-number-%05d-end", i);
		secrets_add(secrets, "a token", token);
	}
	assert_null(secrets_find(secrets, ""));
	assert_null(secrets_find(secrets, "a text without any, 1234567"));
	assert_null(secrets_find(secrets, "s3cret-of-our"));
	assert_string_equal(secrets_find(secrets, "s3cret-of-ours"), "the secret");
	assert_string_equal(secrets_find(secrets, "xs3cret-of-ours"), "the secret");
	assert_string_equal(secrets_find(secrets, "\xff\xfe s3cret-of-ours\x80"), "the secret");
	assert_string_equal(secrets_find(secrets, "401 for token-number-04999-end."), "a token");
	assert_null(secrets_find(secrets, "token-number-05000-end"));
	secrets_free(secrets);
}

static void
places_forget_nothing_and_seldom_invent(void **state)
{
	struct places *places = places_new(20000);
	char id[32];
	int invented = 0;

	(void)state;
	assert_non_null(places);
	for (int i = 0; i < 20000; i++) {
		snprintf(id, sizeof(id), "deviation-%d", i);
		places_add(places, 'l', id);
	}
	for (int i = 0; i < 20000; i++) {
		snprintf(id, sizeof(id), "deviation-%d", i);
		assert_true(places_have(places, 'l', id));
		assert_true(places_add(places, 'l', id));
		invented += places_have(places, 'p', id);
	}
	assert_in_range(invented, 0, 20);
	places_free(places);
}

/* ---- jobs ---- */

static struct view
job(void)
{
	return (struct view){.id = "deviation-1",
			     .type = "hash",
			     .name = "publish-deviation",
			     .data = "{\"userId\":\"user-1\"}",
			     .timestamp = "1795513820206",
			     .priority = "0",
			     .attempts = "",
			     .attempts_v4 = "",
			     .started = "",
			     .processed_on = "",
			     .finished_on = "",
			     .failed_reason = "",
			     .stack_trace = "",
			     .return_value = "",
			     .progress = "",
			     .log = "",
			     .lock = "",
			     .lock_ms = -2,
			     .children = -1,
			     .missing_child = ""};
}

static void
assert_judged(struct view view, enum check check)
{
	struct judgement out[JUDGE_MOST];

	assert_int_equal(judge_job(&view, out), 1);
	assert_int_equal(out[0].check, check);
}

static void
assert_in_order(struct view view)
{
	struct judgement out[JUDGE_MOST];

	assert_int_equal(judge_job(&view, out), 0);
}

static void
jobs_as_bullmq_leaves_them_are_in_order(void **state)
{
	struct view v = job();

	(void)state;
	v.in_list[VIEW_WAIT] = 1;
	assert_in_order(v);
	v.priority = "5"; /* a stalled check puts it there, too */
	assert_in_order(v);
	v = job();
	v.in_set[VIEW_PRIORITIZED] = true;
	v.priority = "5";
	v.score[VIEW_PRIORITIZED] = 21474836480; /* the front of its class */
	assert_in_order(v);
	v.priority = "2097151";
	v.score[VIEW_PRIORITIZED] = 2097151.0 * 4294967296 + 4294967295;
	assert_in_order(v);
	v = job();
	v.in_set[VIEW_DELAYED] = true;
	v.score[VIEW_DELAYED] = 7354424853876737;
	assert_in_order(v);
	v = job();
	v.in_list[VIEW_ACTIVE] = 1;
	v.lock = "token";
	v.lock_ms = 29999;
	v.in_stalled = true; /* as the check before left it */
	assert_in_order(v);
	v = job();
	v.in_set[VIEW_COMPLETED] = v.has_return_value = true;
	v.finished_on = "1795513820414";
	assert_in_order(v);
	v = job();
	v.in_set[VIEW_WAITING_CHILDREN] = true;
	v.children = 2;
	assert_in_order(v);
	v = job();
	v.type = "none"; /* removed */
	assert_in_order(v);
}

static void
jobs_that_are_not_in_order_are_named(void **state)
{
	struct view v = job();

	(void)state;
	assert_judged(v, CHECK_NO_PLACE);
	v.in_list[VIEW_WAIT] = 2;
	assert_judged(v, CHECK_TWO_PLACES);
	v.in_list[VIEW_WAIT] = v.in_list[VIEW_ACTIVE] = 1;
	v.lock = "token";
	assert_judged(v, CHECK_TWO_PLACES);
	v = job();
	v.in_list[VIEW_ACTIVE] = 1;
	assert_judged(v, CHECK_NO_LOCK);
	v = job();
	v.in_list[VIEW_WAIT] = 1;
	v.in_stalled = true;
	assert_judged(v, CHECK_STRAY_STALLED);
	v.in_stalled = false;
	v.finished_on = "1";
	assert_judged(v, CHECK_ENDED_OPENLY);
	v.finished_on = "";
	v.lock = "token";
	assert_judged(v, CHECK_STRAY_LOCK);
	v = job();
	v.type = "none";
	v.in_set[VIEW_FAILED] = true;
	assert_judged(v, CHECK_NO_HASH);
	v = job();
	v.in_set[VIEW_FAILED] = true;
	v.finished_on = "1";
	assert_judged(v, CHECK_ENDED_OPENLY);
	v = job();
	v.in_set[VIEW_PRIORITIZED] = true;
	v.score[VIEW_PRIORITIZED] = 21474836481;
	assert_judged(v, CHECK_BAD_SCORE); /* with priority 0 */
	v.priority = "4";
	assert_judged(v, CHECK_BAD_SCORE);
	v = job();
	v.in_set[VIEW_DELAYED] = true;
	v.score[VIEW_DELAYED] = 1795513820206; /* not times 4096 */
	assert_judged(v, CHECK_BAD_SCORE);
	v = job();
	v.in_set[VIEW_WAITING_CHILDREN] = true;
	v.children = 0;
	assert_judged(v, CHECK_STUCK_PARENT);
}

/* ---- rows ---- */

#define NOW INT64_C(1795513820206)

static struct row
row(const char *status)
{
	return (struct row){.id = "1",
			    .status = status,
			    .user_id = "user-1",
			    .error_message = "",
			    .lock = "",
			    .updated_at = "",
			    .overdue_ms = 3600000,
			    .due_ms = NOW - 3600000,
			    .untouched_ms = 3600000,
			    .locked_for_ms = ROW_NONE,
			    .late_ms = ROW_NONE,
			    .published_ago_ms = ROW_NONE,
			    .wanted = 1};
}

/* check CHECK_COUNT: nothing is wrong. */
static void
assert_row(struct row r, const struct view *view, enum check check)
{
	struct row_finding out[ROW_FINDINGS];
	size_t count = row_judge(&r, view, NOW, out);

	assert_int_equal(count, check != CHECK_COUNT);
	if (count > 0)
		assert_int_equal(out[0].check, check);
}

static void
a_due_row_needs_a_job_that_lives(void **state)
{
	struct view v = job();
	struct row r = row("scheduled");

	(void)state;
	v.in_list[VIEW_WAIT] = 1;
	assert_row(r, &v, CHECK_COUNT);
	v = job();
	v.type = "none";
	assert_row(r, &v, CHECK_NO_JOB);
	r.overdue_ms = 4000; /* the publishers do not look before */
	assert_row(r, &v, CHECK_COUNT);
	r = row("uploading");
	assert_row(r, &v, CHECK_NO_JOB);
	r.untouched_ms = 29000;
	assert_row(r, &v, CHECK_COUNT);
	r.untouched_ms = 60000;
	r.lock = "worker-7"; /* a neighbour is at it */
	r.locked_for_ms = 60000;
	assert_row(r, &v, CHECK_COUNT);
	r.locked_for_ms = 31 * 60000;
	assert_row(r, &v, CHECK_NO_JOB);
	assert_row(row("draft"), &v, CHECK_COUNT);
	r = row("draft");
	r.lock = "isekai-publisher|1|t|deviation-1";
	assert_row(r, &v, CHECK_DEAD_LOCK);
}

static void
a_job_later_than_its_row_is_told_unless_it_was_worked_on(void **state)
{
	struct view v = job();
	struct row r = row("scheduled");

	(void)state;
	r.due_ms = NOW + 60000;
	r.overdue_ms = -60000;
	v.in_set[VIEW_DELAYED] = true;
	v.score[VIEW_DELAYED] = (double)(NOW + 62000) * 4096;
	assert_row(r, &v, CHECK_COUNT);
	v.score[VIEW_DELAYED] = (double)(NOW + 70000) * 4096;
	assert_row(r, &v, CHECK_LATE_JOB);
	r.worked = true;
	assert_row(r, &v, CHECK_COUNT);
}

static void
how_a_post_ended_is_complete(void **state)
{
	struct row r = row("published");

	(void)state;
	r.has_post = r.has_url = r.counted = r.post_in_journal = true;
	r.published = r.known_posts = 1;
	assert_row(r, NULL, CHECK_COUNT);
	r.has_url = false;
	assert_row(r, NULL, CHECK_NO_LINK);
	r.without_link = 1; /* error_code 9, and no gallery shows it */
	assert_row(r, NULL, CHECK_COUNT);
	r.publishing = 1;
	assert_row(r, NULL, CHECK_JOURNAL_DIFFERS);
	r.publishing = 0;
	r.post_in_journal = false;
	assert_row(r, NULL, CHECK_JOURNAL_DIFFERS);
	r.post_in_journal = true;
	r.counted = false;
	assert_row(r, NULL, CHECK_NOT_COUNTED);
	r.counted = true;
	r.late_ms = -1;
	r.published_ago_ms = 1000;
	assert_row(r, NULL, CHECK_EARLY);
	r.asked_early = true;
	assert_row(r, NULL, CHECK_COUNT);
	r = row("failed");
	assert_row(r, NULL, CHECK_NO_REASON);
	r.error_message = "DeviantArt refused it";
	assert_row(r, NULL, CHECK_COUNT);
	r.published = 1;
	assert_row(r, NULL, CHECK_JOURNAL_DIFFERS);
	r.wanted = 3; /* of several, the third failed */
	assert_row(r, NULL, CHECK_COUNT);
}

static void
attempts_are_burned_by_failures_alone(void **state)
{
	struct view v = job();
	struct row r = row("scheduled");

	(void)state;
	v.in_list[VIEW_WAIT] = 1;
	v.attempts = "2";
	r.attempts = 2;
	assert_row(r, &v, CHECK_COUNT);
	r.attempts = 1;
	assert_row(r, &v, CHECK_BURNED_ATTEMPT);
	v.stack_trace = "[\"Error: x\\n    at f (a.js:1:1)\"]"; /* a Node process' */
	assert_row(r, &v, CHECK_COUNT);
	v.stack_trace = "";
	v.data = "{\"userId\":\"another\"}"; /* refused, the row untouched */
	assert_row(r, &v, CHECK_COUNT);
	v = job();
	v.in_set[VIEW_COMPLETED] = v.has_return_value = true;
	v.finished_on = "1";
	v.attempts = "1"; /* its end */
	r = row("draft");
	assert_row(r, &v, CHECK_COUNT);
}

/* ---- the report ---- */

static void
a_report_is_a_line_a_violation_and_a_verdict(void **state)
{
	int64_t figures[FIGURE_COUNT] = {[FIGURE_ROWS_PUBLISHED] = 3,
					 [FIGURE_OVERDUE] = 2,
					 [FIGURE_LONGEST_OVERDUE_MS] = 3 * 3600000 + 4 * 60000};
	struct suspicions s;
	struct report report = {.suspicions = &s,
				.figures = figures,
				.has_journal = true,
				.looks = 3,
				.took_ms = 1500};
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	suspicions_init(&s);
	look(&s, true, 0, PAIRS("b\n", "1", "a", "1", "gone", "1"));
	look(&s, false, 1000, PAIRS("b\n", "1", "a", "1"));
	report_text(out, &report);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, "I1 no-job deviation a: text\n"
				  "I1 no-job deviation b\\n: text\n"
				  "rows: 3 published\n"
				  "due and not out: 2, the longest for 3 h 4 min; the latest post "
				  "went out after 0 ms (I7)\n"
				  "spare uploads: 0 (I3); publishes with an unknown outcome: 0\n"
				  "jobs: none\n"
				  "verdict: 2 violations (1500 ms, 3 looks)\n");
	assert_int_equal(report_violations(&report), 2);
	free(text);
	suspicions_free(&s);
}

static void
every_check_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < CHECK_COUNT; i++) {
		const struct check_info *info = check_info((enum check)i);

		assert_non_null(info->name);
		assert_int_equal(info->invariant[0], 'I');
		assert_non_null(info->subject);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_wrong_long_enough_is_confirmed),
		cmocka_unit_test(one_look_confirms_nothing_however_late),
		cmocka_unit_test(what_is_not_seen_again_is_dropped),
		cmocka_unit_test(other_evidence_begins_anew_and_what_keeps_changing_is_let_go),
		cmocka_unit_test(later_looks_add_none_and_twice_in_one_look_is_once),
		cmocka_unit_test(more_than_can_be_held_are_counted),
		cmocka_unit_test(pauses_grow_and_end_when_the_first_is_settled),
		cmocka_unit_test(secrets_are_found_anywhere_in_a_text),
		cmocka_unit_test(places_forget_nothing_and_seldom_invent),
		cmocka_unit_test(jobs_as_bullmq_leaves_them_are_in_order),
		cmocka_unit_test(jobs_that_are_not_in_order_are_named),
		cmocka_unit_test(a_due_row_needs_a_job_that_lives),
		cmocka_unit_test(a_job_later_than_its_row_is_told_unless_it_was_worked_on),
		cmocka_unit_test(how_a_post_ended_is_complete),
		cmocka_unit_test(attempts_are_burned_by_failures_alone),
		cmocka_unit_test(a_report_is_a_line_a_violation_and_a_verdict),
		cmocka_unit_test(every_check_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

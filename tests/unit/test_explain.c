/*
 * test_explain.c - the explanation's pure parts: names, words, gates, and the story that facts
 * make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "worker/explain/facts.h"
#include "worker/explain/ident.h"
#include "worker/explain/story.h"
#include "worker/explain/telling.h"
#include "worker/explain/words.h"
#include "worker/token.h"

/* 2026-11-30T20:00:00.000Z */
#define NOW    1796068800000LL
#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)

static const struct config settings = {
	.max_attempts = 7,
	.job_timeout_ms = 10 * MINUTE,
	.reconcile_interval_ms = MINUTE,
	.stale_check_interval_ms = 30000,
	.circuit_breaker_enabled = true,
	.circuit_breaker_open_duration_ms = 300000,
};

static const struct facts_file one_file[] = {{.id = "file",
					      .name = "a.png",
					      .state = "publishing",
					      .url = "",
					      .publish_last_ms = NOW - MINUTE,
					      .public_since_ms = FACTS_NONE,
					      .asks = 1}};
static const struct facts_file public_file[] = {{.id = "file",
						 .name = "a.png",
						 .state = "publishing",
						 .url = "",
						 .publish_last_ms = NOW - MINUTE,
						 .public_since_ms = NOW - MINUTE,
						 .asks = 1}};

/* A post that was due a minute ago, and whose job was added then and not taken yet. */
static struct facts
due(void)
{
	struct facts f = {
		.config = &settings,
		.now_ms = NOW,
		.id = "11111111-2222",
		.user_id = "user",
		.artist = "someone",
		.title = "A work",
		.status = "scheduled",
		.error_message = "",
		.lock = "",
		.url = "",
		.due_ms = NOW - MINUTE,
		.published_ms = FACTS_NONE,
		.updated_ms = NOW - MINUTE,
		.locked_ms = FACTS_NONE,
		.file_count = 1,
		.has_journal = true,
		.first_refused_ms = FACTS_NONE,
	};

	facts_not_asked(&f, "");
	f.job.place = PLACE_WAIT;
	f.job.ahead = 0;
	f.job.added_ms = NOW - MINUTE;
	f.job.max_attempts = 7;
	f.queue.workers = 3;
	return f;
}

/* The same, taken once half a minute ago, and delayed for two minutes more. */
static struct facts
delayed(void)
{
	struct facts f = due();

	f.job.place = PLACE_DELAYED;
	f.job.ahead = -1;
	f.job.due_ms = NOW + 2 * MINUTE;
	f.job.claimed_ms = NOW - 30000;
	f.job.started = 1;
	f.job.worker = "host-1";
	return f;
}

static void
with_step(struct facts *f, struct facts_step *step, const char *name, const char *detail,
	  int64_t at_ms)
{
	*step = (struct facts_step){.at_ms = at_ms, .step = name, .detail = detail};
	f->steps = step;
	f->steps_count = 1;
}

static bool
has(const char *text, const char *part)
{
	return part == NULL || (text != NULL && strstr(text, part) != NULL);
}

/* Parts that are NULL are not asked for. */
static void
assert_story(const struct facts *f, enum standing standing, const char *where, const char *next,
	     const char *advice)
{
	struct story story;

	assert_true(story_tell(&story, f));
	assert_string_equal(standing_name(story.standing), standing_name(standing));
	if (!has(story.where, where) || !has(story.next, next) || !has(story.advice, advice))
		fail_msg("where: %s\nnext: %s\nadvice: %s", story.where, story.next, story.advice);
	story_free(&story);
}

/* ---- names and words ---- */

static void
assert_ident(const char *text, bool is_url, const char *is, const char *other)
{
	struct ident ident;

	assert_true(ident_parse(text, &ident));
	assert_int_equal(ident.is_url, is_url);
	assert_string_equal(ident.text, is);
	assert_string_equal(ident.other, other);
}

static void
a_deviation_has_many_names(void **state)
{
	struct ident ident;
	char long_text[1000];

	(void)state;
	assert_ident("11111111-2222", false, "11111111-2222", "");
	assert_ident("deviation-11111111", false, "deviation-11111111", "11111111");
	assert_ident("https://www.deviantart.com/someone/art/A-work-123", true, "-123", "someone");
	assert_ident("https://www.deviantart.com/art/A-work-123", true, "-123",
		     "www.deviantart.com");
	assert_ident("/art/A-work-123", true, "-123", "");
	assert_ident("deviantart.com/someone/art/A-work-123/?a=b-4#c-5", true, "-123", "someone");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_false(ident_parse(long_text, &ident));
	assert_false(ident_parse("", &ident));
	assert_false(ident_parse("\xff", &ident));
	assert_false(ident_parse("https://www.deviantart.com/someone", &ident));
	assert_false(ident_parse("https://www.deviantart.com/someone/art/123", &ident));
	assert_false(ident_parse("https://x/y-123456789012345678901234567890123", &ident));
}

static void
assert_span(int64_t ms, const char *is)
{
	char span[WORDS_SPAN_SIZE];

	assert_string_equal(words_span(ms, span), is);
}

static void
times_are_told_twice(void **state)
{
	char at[WORDS_WHEN_SIZE];

	(void)state;
	assert_span(340, "340 ms");
	assert_span(-12000, "12 s");
	assert_span(192000, "3 min 12 s");
	assert_span(2 * HOUR + 5 * MINUTE, "2 h 5 min");
	assert_span(76 * HOUR, "3 d 4 h");
	assert_span(INT64_MIN, "106751991167 d 7 h");
	assert_string_equal(words_when(NOW + 192000, NOW, at),
			    "2026-11-30T20:03:12.000Z (in 3 min 12 s)");
	assert_string_equal(words_when(NOW - 2000, NOW, at), "2026-11-30T19:59:58.000Z (2 s ago)");
}

static void
texts_of_others_are_harmless(void **state)
{
	char out[24];

	(void)state;
	assert_string_equal(words_clean(out, sizeof(out), "Gr\xC3\xBC\xC3\x9F\x65 \"x\\\""),
			    "Gr\xC3\xBC\xC3\x9F\x65 \"x\\\"");
	assert_string_equal(words_clean(out, sizeof(out), "a\nb\x1b[m"), "a\\u000ab\\u001b[m");
	assert_string_equal(words_clean(out, sizeof(out), "\xC2\x9B\xE2\x80\xAE\x7F"),
			    "\\u009b\\u202e\\u007f");
	assert_string_equal(words_clean(out, sizeof(out), "a\xff"), "a\xEF\xBF\xBD");
	assert_string_equal(words_clean(out, sizeof(out), "12345678901234567890123"),
			    "12345678901234567890123");
	assert_string_equal(words_clean(out, sizeof(out), "123456789012345678901234"),
			    "12345678901234567890...");
	assert_string_equal(
		words_clean(out, sizeof(out), "1234567890123456789\xC3\xBC\xC3\xBC\xC3\xBC"),
		"1234567890123456789...");
}

/* ---- what Redis' texts mean ---- */

static void
gates_are_read_whatever_they_hold(void **state)
{
	struct facts_gates gates;
	struct config off = settings;

	(void)state;
	off.circuit_breaker_enabled = false;
	facts_read_gates(&gates, &settings, 1000, "{\"blockedUntil\":1500}",
			 "{\"state\":\"OPEN\",\"openUntil\":1600,\"failures\":3}",
			 "{\"state\":\"HALF_OPEN\",\"probeUntil\":1700}");
	assert_int_equal(gates.blocked_until_ms, 1500);
	assert_int_equal(gates.circuit_until_ms, 1600);
	assert_int_equal(gates.refusals, 3);
	assert_false(gates.circuit_probing);
	assert_int_equal(gates.application_until_ms, 1700);
	assert_true(gates.application_probing);
	/* Written by somebody else: its open duration counts from the last failure. */
	facts_read_gates(&gates, &settings, 1000, "{\"blockedUntil\":1000}",
			 "{\"state\":\"OPEN\",\"lastFailureTime\":900,\"config\":{"
			 "\"openDuration\":200}}",
			 "{\"state\":\"OPEN\",\"openUntil\":999}");
	assert_true(gates.blocked_until_ms == FACTS_NONE);
	assert_int_equal(gates.circuit_until_ms, 1100);
	assert_true(gates.application_until_ms == FACTS_NONE);
	facts_read_gates(&gates, &off, 1000, "[", "{\"state\":\"OPEN\",\"openUntil\":1600}",
			 "{\"state\":7,\"openUntil\":1e300}");
	assert_true(gates.blocked_until_ms == FACTS_NONE);
	assert_true(gates.circuit_until_ms == FACTS_NONE);
	assert_true(gates.application_until_ms == FACTS_NONE);
}

static void
options_and_progress_are_read_whatever_they_hold(void **state)
{
	struct facts_job job = {.place = PLACE_ACTIVE};

	(void)state;
	facts_read_options(&job, &settings, "{\"attempts\":3}");
	assert_int_equal(job.max_attempts, 3);
	facts_read_options(&job, &settings, "{\"attempts\":\"x\"");
	assert_int_equal(job.max_attempts, 7);
	facts_read_progress(&job, "{\"step\":\"uploading\",\"percent\":34,\"file\":2,\"files\":3}");
	assert_string_equal(job.stage, "uploading");
	assert_int_equal(job.percent, 34);
	assert_int_equal(job.file, 2);
	assert_int_equal(job.files, 3);
	facts_read_progress(&job, "{\"step\":\"\\u001b\",\"percent\":-1}");
	assert_string_equal(job.stage, "");
	assert_int_equal(job.percent, -1);
	facts_read_progress(&job, "77");
	assert_string_equal(job.stage, "");
}

/* ---- where it stands ---- */

static void
what_is_over_says_how(void **state)
{
	struct facts f = due();

	(void)state;
	f.job.place = PLACE_COMPLETED;
	f.status = "published";
	f.url = "https://www.deviantart.com/someone/art/A-work-123";
	f.published_ms = f.due_ms + 3000;
	assert_story(&f, STANDING_PUBLISHED,
		     "It was published 3 s after it was due. Its link: https:",
		     "Nothing: it is done.", NULL);
	f.published_ms = f.due_ms - HOUR;
	f.url = "";
	assert_story(&f, STANDING_PUBLISHED, "1 h 0 min before its date. Its link is not known.",
		     NULL, "Look for it");
	f.stash_only = true;
	assert_story(&f, STANDING_STASHED, "Sta.sh", "done", NULL);

	f = due();
	f.job.place = PLACE_FAILED;
	f.status = "failed";
	f.error_message = "publish: it is too large";
	assert_story(&f, STANDING_FAILED, "It failed for good: publish: it is too large",
		     "Nothing, until", "schedule it again");
	f.error_message = "No. Please look at your gallery before scheduling it again";
	assert_story(&f, STANDING_FAILED, NULL, NULL, "It may be public all the same");
	f.error_message = token_dead_message;
	assert_story(&f, STANDING_LOGIN_DEAD, "login is dead", NULL, "connect the DeviantArt");
	/* Retried by hand: it runs. */
	f.job.place = PLACE_WAIT;
	assert_story(&f, STANDING_WAITING, "next one", NULL, NULL);
}

static void
what_was_not_asked_for_is_told(void **state)
{
	struct facts f = due();

	(void)state;
	f.status = "draft";
	assert_story(&f, STANDING_DRAFT, "draft", "ends without doing anything", "Schedule it.");
	f.job.place = PLACE_MISSING;
	assert_story(&f, STANDING_DRAFT, "draft", "until it is scheduled", "Schedule it.");
	f.error_message = token_dead_message;
	assert_story(&f, STANDING_LOGIN_DEAD, NULL, NULL, "connect");
	f.error_message = "";
	f.status = "review";
	assert_story(&f, STANDING_REVIEW, "in review", NULL, NULL);
	f.status = "new \x1b";
	assert_story(&f, STANDING_STRANGE, "\"new \\u001b\"", NULL, NULL);
	f.status = "scheduled";
	f.file_count = 0;
	assert_story(&f, STANDING_NO_FILES, "no files", "fails", "Add a file.");
	f.file_count = 1;
	f.due_ms = FACTS_NONE;
	assert_story(&f, STANDING_NO_DATE, "without a date", "Nothing", "enqueue");
}

static void
what_is_not_due_yet_waits_for_its_date(void **state)
{
	struct facts f = delayed();

	(void)state;
	f.due_ms = f.job.due_ms;
	assert_story(&f, STANDING_SCHEDULED, "not due yet",
		     "2026-11-30T20:02:00.000Z (in 2 min 0 s); a worker takes", NULL);
	f.job.due_ms = f.due_ms + HOUR;
	assert_story(&f, STANDING_SCHEDULED, NULL,
		     "its job is due later, which the publishers notice within 1 min 5 s", NULL);
	f.job.place = PLACE_MISSING;
	f.queue.workers = 0;
	assert_story(&f, STANDING_SCHEDULED, NULL, "its job is not in the queue",
		     "Start a publisher.");
}

static void
what_has_no_job_gets_one(void **state)
{
	struct facts f = due();

	(void)state;
	f.job.place = PLACE_MISSING;
	assert_story(&f, STANDING_NO_JOB, "there is no job",
		     "until 2026-11-30T20:01:00.000Z (in 1 min 0 s)", NULL);
	f.status = "uploading";
	f.updated_ms = NOW - 10000;
	f.job.place = PLACE_FAILED;
	f.job.failed_reason = "stalled";
	assert_story(&f, STANDING_NO_JOB, "has ended (failed: stalled)",
		     "until 2026-11-30T20:01:20.000Z", NULL);
	f.lock = "a lock of somebody";
	f.locked_ms = NOW - MINUTE;
	assert_story(&f, STANDING_FOREIGN_LOCK, "none of this publisher's",
		     "2026-11-30T20:29:00.000Z (in 29 min 0 s); then", NULL);
	f.locked_ms = NOW - 31 * MINUTE;
	assert_story(&f, STANDING_NO_JOB, NULL, NULL, NULL);
}

static void
a_ready_job_waits_for_its_turn(void **state)
{
	struct facts f = due();

	(void)state;
	assert_story(&f, STANDING_WAITING, "the next one", "as soon as one is free", NULL);
	f.job.ahead = 12;
	f.crashes = 2;
	assert_story(&f, STANDING_WAITING, "12 are taken before it. So far 2 in a row died", NULL,
		     NULL);
	f.queue.workers = 0;
	assert_story(&f, STANDING_WAITING, NULL, "No worker is connected", "Start a publisher.");
	f.queue.workers = -1;
	f.queue.concurrency = 2;
	f.queue.active = 2;
	assert_story(&f, STANDING_QUEUE_FULL, "lets 2 jobs be at work at a time, and 2 are", NULL,
		     NULL);
	f.queue.limited_ms = 5000;
	assert_story(&f, STANDING_QUEUE_LIMITED, "rate limit", "(in 5 s)", NULL);
	f.queue.paused = true;
	assert_story(&f, STANDING_QUEUE_PAUSED, "paused", "resumed", "Resume the queue.");
	/* Due, and promoted when somebody looks. */
	f = delayed();
	f.job.due_ms = NOW - 1;
	assert_story(&f, STANDING_WAITING, NULL, NULL, NULL);
	f.job.place = PLACE_CHILDREN;
	assert_story(&f, STANDING_CHILDREN, "other jobs", NULL, NULL);
}

static void
a_job_at_work_says_what_it_does(void **state)
{
	struct facts f = delayed();

	(void)state;
	f.status = "uploading";
	f.job.place = PLACE_ACTIVE;
	f.job.lock = "ip.token";
	f.job.stage = "uploading";
	f.job.percent = 34;
	f.job.file = 2;
	f.job.files = 3;
	f.job.log = "uploading a.png";
	f.job.attempts_made = 1;
	assert_story(&f, STANDING_ACTIVE,
		     "Worker host-1 has been at it for 30 s, attempt 2 of 7. It is uploading file "
		     "2 of 3. 34 % are sent. Its log says last: uploading a.png.",
		     "until 2026-11-30T20:09:30.000Z", NULL);
	f.job.lock = "";
	assert_story(&f, STANDING_ABANDONED, "nobody holds its lock",
		     "until 2026-11-30T20:01:00.000Z", NULL);
}

static void
a_lost_answer_is_found_out(void **state)
{
	struct facts f = delayed();

	(void)state;
	f.status = "publishing";
	f.files = one_file;
	f.files_count = 1;
	assert_story(&f, STANDING_OUTCOME_UNKNOWN, "2026-11-30T19:59:00.000Z (1 min 0 s ago)",
		     "never a new one. It is tried again 2026-11-30T20:02:00.000Z", "by hand");
	f.files = public_file;
	assert_story(&f, STANDING_LINK_MISSING, "It is public",
		     "After 2026-11-30T20:29:00.000Z (in 29 min 0 s)", NULL);
}

static void
gates_are_named_in_their_order(void **state)
{
	struct facts f = delayed();

	(void)state;
	assert_story(&f, STANDING_DELAYED, "waits for its time", "(in 2 min 0 s)", NULL);
	f.gates.slot_ms = NOW + MINUTE;
	assert_story(&f, STANDING_PACE, "one after the other; its place is at 2026-11-30T20:01",
		     "20:02", NULL);
	f.gates.blocked_until_ms = NOW + MINUTE;
	assert_story(&f, STANDING_ASKED_TO_WAIT, "until 2026-11-30T20:01", "20:02", NULL);
	f.gates.circuit_until_ms = NOW + MINUTE;
	f.gates.refusals = 3;
	assert_story(&f, STANDING_ARTIST_SHUT, "3 times in a row", NULL, NULL);
	f.gates.application_until_ms = NOW + MINUTE;
	f.gates.application_probing = true;
	assert_story(&f, STANDING_APPLICATION_SHUT, "One post tries", NULL, NULL);
	f.lock = "somebody's";
	f.locked_ms = NOW - MINUTE;
	assert_story(&f, STANDING_FOREIGN_LOCK, NULL, "20:02", NULL);
}

static void
a_wait_has_the_reason_of_its_last_claim(void **state)
{
	struct facts f = delayed();
	struct facts_step step;

	(void)state;
	f.queue.paused = true;
	with_step(&f, &step, "attempt failed", "upload of a.png: status 500", NOW - 20000);
	f.job.attempts_made = 1;
	f.gates.blocked_until_ms = NOW + MINUTE;
	assert_story(&f, STANDING_RETRY,
		     "1 of 7 are used up. What happened: upload of a.png: status 500.",
		     "The queue is paused", "Resume");
	/* A later claim came no further than a gate, which leaves no step. */
	step.at_ms = NOW - 40000;
	assert_story(&f, STANDING_ASKED_TO_WAIT, NULL, NULL, NULL);
	/* What the artist was told is a refusal: its gate is the reason. */
	with_step(&f, &step, "waits", "upload of a.png: status 429!", NOW - 20000);
	f.error_message = step.detail;
	f.first_refused_ms = NOW - HOUR;
	assert_story(&f, STANDING_ASKED_TO_WAIT, "What happened: upload of a.png: status 429!",
		     "given up if nothing has gone well until 2026-12-01T19:00:00.000Z", NULL);
	/* A server of ours was away; the gate is of another post's. */
	f.error_message = "";
	assert_story(&f, STANDING_RETRY, "no attempt is used up", NULL, NULL);
}

static void
clocks_that_differ_are_told_and_reckoned_with(void **state)
{
	struct facts f = delayed();
	struct facts_step step;

	(void)state;
	f.queue.now_ms = NOW + HOUR;
	f.job.due_ms += HOUR;
	f.job.claimed_ms += HOUR;
	with_step(&f, &step, "attempt failed", "no", NOW - 20000);
	assert_story(&f, STANDING_RETRY, NULL, "2026-11-30T20:02:00.000Z (in 2 min 0 s)",
		     "1 h 0 min ahead of PostgreSQL's");
}

static void
without_a_queue_the_row_is_told(void **state)
{
	struct facts f = due();
	struct facts_step step;

	(void)state;
	with_step(&f, &step, "waits", "storage: away", NOW - 20000);
	facts_not_asked(&f, "Redis: cannot connect");
	assert_story(&f, STANDING_QUEUE_AWAY, "storage: away", "when Redis is back", NULL);
	f.due_ms = NOW + HOUR;
	assert_story(&f, STANDING_SCHEDULED, "not due yet", "It is due 2026-11-30T21", NULL);
	f.has_journal = false;
	assert_story(&f, STANDING_SCHEDULED, "No publisher has been in this database yet.", NULL,
		     NULL);
}

/* ---- what happened, and how it is told ---- */

static const struct facts_step trail[] = {
	{NOW - 25000, "uploaded", "item 7, 2000 bytes"},
	{NOW - 24000, "publishing", "item 7"},
	{NOW - 20000, "waits", "publish: the answer was lost"},
	{NOW - 10000, "waits", "the gallery is read again"},
	{NOW - 8000, "waits", "the gallery is read again"},
	{NOW - 5000, "a new \x1b step", ""},
};

static char *
text_of(const struct facts *f, bool json)
{
	struct story story;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_true(story_tell(&story, f));
	if (json)
		assert_true(telling_json(out, f, &story, 12));
	else
		telling_text(out, f, &story);
	assert_int_equal(fclose(out), 0);
	story_free(&story);
	return text;
}

static struct facts
lost(void)
{
	struct facts f = delayed();

	f.status = "publishing";
	f.title = "Two\nlines \x1b[31m";
	f.files = one_file;
	f.files_count = 1;
	f.steps = trail;
	f.steps_count = sizeof(trail) / sizeof(trail[0]);
	return f;
}

static void
a_story_is_told_in_order(void **state)
{
	struct facts f = lost();
	char *text = text_of(&f, false);

	(void)state;
	assert_string_equal(
		text,
		"Deviation 11111111-2222: \"Two\\u000alines \\u001b[31m\"\n"
		"  by someone, 1 file; row: publishing, job: delayed\n"
		"  due 2026-11-30T19:59:00.000Z (1 min 0 s ago)\n"
		"\n"
		"2026-11-30T19:59:00.000Z  it was due\n"
		"2026-11-30T19:59:00.000Z  its job was added to the queue\n"
		"2026-11-30T19:59:30.000Z  worker host-1 took it (start 1)\n"
		"2026-11-30T19:59:35.000Z  uploaded to Sta.sh: item 7, 2000 bytes\n"
		"2026-11-30T19:59:36.000Z  DeviantArt was asked to publish it: item 7\n"
		"2026-11-30T19:59:40.000Z  it had to wait: publish: the answer was lost; its next "
		"step came 10 s later\n"
		"2026-11-30T19:59:50.000Z  it had to wait: the gallery is read again (2 times, the "
		"last 2026-11-30T19:59:52.000Z (8 s ago)); its next step came 3 s later\n"
		"2026-11-30T19:59:55.000Z  a new \\u001b step\n"
		"\n"
		"Where it stands:  DeviantArt was asked to publish it, and the answer was lost: it "
		"may be public. It was asked last 2026-11-30T19:59:00.000Z (1 min 0 s ago).\n"
		"What comes next:  The artist's gallery is read, then the same upload is asked for "
		"again, never a new one. It is tried again 2026-11-30T20:02:00.000Z (in 2 min 0 "
		"s).\n"
		"What you can do:  Do not publish it by hand meanwhile.\n");
	free(text);
}

static void
a_job_ends_after_the_step_of_its_millisecond(void **state)
{
	struct facts f = due();
	struct facts_step step;
	char *text;

	(void)state;
	f.status = "failed";
	f.job.place = PLACE_FAILED;
	f.job.failed_reason = "no";
	f.job.finished_ms = NOW;
	with_step(&f, &step, "failed", "no", NOW);
	text = text_of(&f, false);
	assert_non_null(strstr(text, "it failed for good: no\n"
				     "2026-11-30T20:00:00.000Z  its job failed: no\n"));
	free(text);
}

static void
json_tells_the_same(void **state)
{
	struct facts f = lost();
	char *text = text_of(&f, true);
	cJSON *told = cJSON_Parse(text);
	const cJSON *events = cJSON_GetObjectItem(told, "events");

	(void)state;
	assert_non_null(told);
	assert_null(strchr(text, '\x1b'));
	assert_string_equal(cJSON_GetObjectItem(told, "standing")->valuestring, "outcome_unknown");
	assert_string_equal(cJSON_GetObjectItem(told, "nextAt")->valuestring,
			    "2026-11-30T20:02:00.000Z");
	assert_int_equal(cJSON_GetArraySize(events), 8);
	assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(events, 3), "text")->valuestring,
			    "uploaded to Sta.sh: item 7, 2000 bytes");
	assert_string_equal(
		cJSON_GetObjectItem(cJSON_GetObjectItem(told, "job"), "state")->valuestring,
		"delayed");
	cJSON_Delete(told);
	free(text);
}

static void
who_took_it_is_told_without_a_queue_too(void **state)
{
	struct facts f = due();
	char *text;

	(void)state;
	facts_not_asked(&f, "Redis: \x1b away");
	f.lock = "isekai-publisher|001796068740000|ip.token|deviation-1";
	f.locked_ms = NOW;
	text = text_of(&f, false);
	assert_non_null(strstr(text, "2026-11-30T19:59:00.000Z  a publisher took it\n"));
	assert_non_null(strstr(text, "The queue could not be asked: Redis: \\u001b away\n"));
	free(text);
	f.lock = "somebody";
	text = text_of(&f, false);
	assert_non_null(strstr(text, "20:00:00.000Z  a worker that is none of this publisher's"));
	free(text);
	f.status = "published";
	f.lock = "";
	f.url = "https://www.deviantart.com/x/art/y-1";
	f.published_ms = NOW;
	text = text_of(&f, true);
	assert_non_null(strstr(text, "by a worker that keeps no journal"));
	assert_non_null(strstr(text, "\"job\":null,\"queueProblem\":\"Redis: \\\\u001b away\""));
	free(text);
}

static void
what_moved_while_it_was_read_is_noticed(void **state)
{
	struct facts f = due();

	(void)state;
	assert_false(facts_disagree(&f));
	f.job.place = PLACE_COMPLETED;
	assert_true(facts_disagree(&f));
	f.due_ms = NOW + HOUR;
	assert_false(facts_disagree(&f));
	f.status = "uploading";
	f.job.place = PLACE_MISSING;
	assert_true(facts_disagree(&f));
	f.status = "published";
	assert_false(facts_disagree(&f));
	f.status = "uploading";
	f.job.place = PLACE_NOT_ASKED;
	assert_false(facts_disagree(&f));
}

static void
every_standing_and_place_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < STANDING_COUNT; i++)
		assert_non_null(standing_name((enum standing)i));
	for (int i = 0; i < PLACE_COUNT; i++)
		assert_int_equal(facts_place_of(facts_place_name((enum facts_place)i)), i);
	assert_int_equal(facts_place_of("elsewhere"), PLACE_NOWHERE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deviation_has_many_names),
		cmocka_unit_test(times_are_told_twice),
		cmocka_unit_test(texts_of_others_are_harmless),
		cmocka_unit_test(gates_are_read_whatever_they_hold),
		cmocka_unit_test(options_and_progress_are_read_whatever_they_hold),
		cmocka_unit_test(what_is_over_says_how),
		cmocka_unit_test(what_was_not_asked_for_is_told),
		cmocka_unit_test(what_is_not_due_yet_waits_for_its_date),
		cmocka_unit_test(what_has_no_job_gets_one),
		cmocka_unit_test(a_ready_job_waits_for_its_turn),
		cmocka_unit_test(a_job_at_work_says_what_it_does),
		cmocka_unit_test(a_lost_answer_is_found_out),
		cmocka_unit_test(gates_are_named_in_their_order),
		cmocka_unit_test(a_wait_has_the_reason_of_its_last_claim),
		cmocka_unit_test(clocks_that_differ_are_told_and_reckoned_with),
		cmocka_unit_test(without_a_queue_the_row_is_told),
		cmocka_unit_test(a_story_is_told_in_order),
		cmocka_unit_test(a_job_ends_after_the_step_of_its_millisecond),
		cmocka_unit_test(json_tells_the_same),
		cmocka_unit_test(who_took_it_is_told_without_a_queue_too),
		cmocka_unit_test(what_moved_while_it_was_read_is_noticed),
		cmocka_unit_test(every_standing_and_place_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

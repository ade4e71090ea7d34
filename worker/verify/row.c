/*
 * row.c - a deviation's row, beside its journal and its job: do they agree?   [verify command]
 */
#include "worker/verify/row.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/journal.h"

#define DUE_MS          5000
#define UNTOUCHED_MS    30000
#define FOREIGN_LOCK_MS (30 * 60 * 1000)
#define JOBS_KEPT_MS    3600000                   /* completed jobs: an hour */
#define TRAIL_KEPT_MS   (90LL * 24 * 3600 * 1000) /* longer, but not by the minute */

struct judging {
	const struct row *row;
	const struct view *job;
	int64_t now_ms;
	struct row_finding *out;
	size_t count;
};

static void __attribute__((format(printf, 4, 5)))
wrong(struct judging *j, enum check check, int settle, const char *format, ...)
{
	va_list args;

	if (j->count == ROW_FINDINGS)
		return;
	j->out[j->count].check = check;
	j->out[j->count].settle = settle;
	va_start(args, format);
	vsnprintf(j->out[j->count].text, sizeof(j->out[j->count].text), format, args);
	va_end(args);
	j->count++;
}

static bool
is(const struct row *row, const char *status)
{
	return strcmp(row->status, status) == 0;
}

static bool
lock_is_ours(const struct row *row)
{
	return strncmp(row->lock, JOURNAL_LOCK_PREFIX, strlen(JOURNAL_LOCK_PREFIX)) == 0;
}

/* A neighbour works on it. */
static bool
lock_is_foreign(const struct row *row)
{
	return row->lock[0] != '\0' && !lock_is_ours(row) && row->locked_for_ms != ROW_NONE &&
	       row->locked_for_ms < FOREIGN_LOCK_MS;
}

bool
row_is_overdue(const struct row *row)
{
	if (lock_is_foreign(row))
		return false;
	if (is(row, "scheduled"))
		return row->overdue_ms != ROW_NONE && row->overdue_ms > DUE_MS;
	return (is(row, "uploading") || is(row, "publishing")) && row->untouched_ms > UNTOUCHED_MS;
}

bool
row_wants_job(const struct row *row)
{
	if (is(row, "published"))
		return row->lock[0] != '\0' ||
		       (row->published_ago_ms != ROW_NONE && row->published_ago_ms < JOBS_KEPT_MS);
	return !(is(row, "draft") || is(row, "review")) || row->lock[0] != '\0';
}

static void
judge_ended(struct judging *j)
{
	const struct row *row = j->row;

	if (is(row, "failed") && strspn(row->error_message, " \t\n") == strlen(row->error_message))
		wrong(j, CHECK_NO_REASON, ROW_AT_ONCE, "its row is failed and does not say why");
	if (is(row, "failed") && row->published > 0 && row->published >= row->wanted)
		wrong(j, CHECK_JOURNAL_DIFFERS, ROW_AT_ONCE,
		      "its row is failed, and the journal has all of it published");
	if (row->sales > 1)
		wrong(j, CHECK_SOLD_TWICE, ROW_AT_ONCE, "it is in the sale queue %" PRId64 " times",
		      row->sales);
	if (!is(row, "published"))
		return;
	/* After error_code 9 a post may be public without a link (contract.md "Failures"). */
	if (!row->stash_only && !(row->has_post && row->has_url) && row->without_link == 0)
		wrong(j, CHECK_NO_LINK, ROW_AT_ONCE,
		      "its row is published without %s, and the journal knows of no reason",
		      row->has_post  ? "a URL"
		      : row->has_url ? "an id of DeviantArt's"
				     : "an id of DeviantArt's and a URL");
	if (row->publishing > 0)
		wrong(j, CHECK_JOURNAL_DIFFERS, ROW_AT_ONCE,
		      "its row is published, and of %" PRId64
		      " of its files the journal does not know the outcome",
		      row->publishing);
	if (row->has_post && row->known_posts > 0 && !row->post_in_journal)
		wrong(j, CHECK_JOURNAL_DIFFERS, ROW_AT_ONCE,
		      "its row names a post that is none of those in the journal");
	if (row->published > 0 && !row->counted)
		wrong(j, CHECK_NOT_COUNTED, ROW_AT_ONCE,
		      "it is published, and post_count_incremented is false");
	if (row->published > 0 && row->late_ms != ROW_NONE && row->late_ms < 0 &&
	    !row->asked_early && row->published_ago_ms < TRAIL_KEPT_MS)
		wrong(j, CHECK_EARLY, ROW_AT_ONCE,
		      "it went out %" PRId64 " ms before its time, and nobody had asked for that",
		      -row->late_ms);
}

static void
judge_late_job(struct judging *j)
{
	const struct row *row = j->row;
	int64_t job_ms = view_due_ms(j->job);
	int64_t latest_ms = row->due_ms > j->now_ms ? row->due_ms : j->now_ms;

	/* Once worked on, its job waits for other reasons than the date. */
	if (!is(row, "scheduled") || row->due_ms == ROW_NONE || row->worked ||
	    lock_is_foreign(row) || !j->job->in_set[VIEW_DELAYED])
		return;
	if (job_ms > latest_ms + DUE_MS)
		wrong(j, CHECK_LATE_JOB, row->overdue_ms > 0 ? ROW_SWEEP : ROW_SOON,
		      "its job is due %" PRId64 " s after its row", (job_ms - row->due_ms) / 1000);
}

static void
judge_job_missing(struct judging *j)
{
	const struct row *row = j->row;
	char state[200];

	if (view_lives(j->job))
		return;
	view_state(j->job, state, sizeof(state));
	if (row_is_overdue(row))
		wrong(j, CHECK_NO_JOB, ROW_SWEEP,
		      "its row is %s and due, its job is %s, and no publisher mends that",
		      row->status, state);
	else if (lock_is_ours(row) && !is(row, "uploading") && !is(row, "publishing"))
		wrong(j, CHECK_DEAD_LOCK, ROW_SWEEP,
		      "its row is %s, its job is %s, and yet a publisher's lock is on the row",
		      row->status, state);
}

/* I6. Of a Node process' attempts, which have JavaScript's stacks, the journal knows nothing, nor
 * of a job that is refused for its user. */
static void
judge_attempts(struct judging *j)
{
	const struct view *job = j->job;
	bool ended = job->in_set[VIEW_COMPLETED] || job->in_set[VIEW_FAILED];
	long long burned = strtoll(job->attempts, NULL, 10) + strtoll(job->attempts_v4, NULL, 10);

	if (burned > j->row->attempts + ended && strstr(job->stack_trace, "\\n    at ") == NULL &&
	    strstr(job->data, j->row->user_id) != NULL)
		wrong(j, CHECK_BURNED_ATTEMPT, ROW_AT_ONCE,
		      "its job has burned %lld attempts, of which the journal has seen %" PRId64
		      " fail or end",
		      burned, j->row->attempts);
}

size_t
row_judge(const struct row *row, const struct view *job, int64_t now_ms,
	  struct row_finding out[ROW_FINDINGS])
{
	struct judging j = {.row = row, .job = job, .now_ms = now_ms, .out = out};

	judge_ended(&j);
	if (job != NULL) {
		judge_job_missing(&j);
		judge_late_job(&j);
		judge_attempts(&j);
	}
	return j.count;
}

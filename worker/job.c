/*
 * job.c - one claimed job, from its data to the row that it is about.    [worker]
 */
#include "worker/job_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/journal.h"
#include "worker/publish.h"

/* "Publish now" adds its job a moment before it changes the row. */
#define LOOK_AGAIN_FOR_MS   10000
#define LOOK_AGAIN_EVERY_MS 500
#define FOREIGN_LOCK_MS     (30 * 60 * 1000)
#define FOREIGN_LOOK_MS     30000
#define CRASHES_MIN         10

/* ---- the row's state ---- */

/* A deviation without files fails, unless somebody else is at it. */
static bool
reject_empty(struct work *w)
{
	const struct deviation *d = w->deviation;
	struct failure none, away;
	bool rejected;

	failure_set(&none, FAILURE_VALIDATION_ERROR, "the deviation has no files to publish");
	if (!journal_reject(w->tools->postgres, d->id, d->user_id, none.message, w->job->id,
			    &rejected, &away)) {
		job_end_database_away(w, &away);
		return true;
	}
	if (rejected)
		job_end_with_reason(w, JOB_END_FAIL, &none);
	return rejected;
}

/* The artist took the post back: nothing is done, and no lock of ours stays on the row. */
static void
end_taken_back(struct work *w)
{
	const struct deviation *d = w->deviation;
	const struct journal_release release = {.step = "taken back"};
	struct failure away;

	if (d->lock_holder != NULL && journal_lock_is_of(d->lock_holder, w->job->id) &&
	    !journal_release(w->tools->postgres, d->id, d->lock_holder, &release, &away) &&
	    away.category == FAILURE_AWAY) {
		job_end_database_away(w, &away);
		return;
	}
	log_event(LOG_INFO, "The artist took the post back; nothing is done", NULL);
	job_end_complete(w, "skipped");
}

/* The row was not locked by this claim; why, and what then (contract.md "What a job does", 1 and
 * 2). */
static void
end_unlocked(struct work *w)
{
	const struct deviation *d = w->deviation;
	bool early = w->job->claimed_ms < w->job->timestamp_ms + LOOK_AGAIN_FOR_MS;

	switch (d->status) {
	case DEVIATION_REVIEW:
	case DEVIATION_DRAFT:
	case DEVIATION_STATUS_UNKNOWN:
		if (early) {
			job_end_defer(w, WAIT_NOT_DUE, LOOK_AGAIN_EVERY_MS);
			return;
		}
		end_taken_back(w);
		return;
	case DEVIATION_SCHEDULED:
		if (d->due_known && d->due_in_ms > 0) {
			job_end_defer(w, WAIT_NOT_DUE,
				      early && d->due_in_ms > LOOK_AGAIN_EVERY_MS
					      ? LOOK_AGAIN_EVERY_MS
					      : d->due_in_ms);
			return;
		}
		break;
	case DEVIATION_UPLOADING:
	case DEVIATION_PUBLISHING:
	case DEVIATION_PUBLISHED:
	case DEVIATION_FAILED:
		break;
	}
	if (d->file_count == 0 && reject_empty(w))
		return;
	if (d->lock_holder == NULL) {
		job_end_defer(w, WAIT_LOCKED, LOOK_AGAIN_EVERY_MS); /* it changed under our eyes */
		return;
	}
	log_event(LOG_INFO, "Somebody else works on the deviation; the job waits",
		  (struct log_field[]){LOG_INT("lockedForMs", d->locked_for_ms), LOG_END});
	job_end_defer(w, WAIT_LOCKED,
		      d->locked_for_ms + FOREIGN_LOOK_MS > FOREIGN_LOCK_MS
			      ? FOREIGN_LOCK_MS - d->locked_for_ms
			      : FOREIGN_LOOK_MS);
}

static bool
crashes_too_often(const struct work *w, struct failure *why)
{
	int most = w->tools->config->max_stalled_count > CRASHES_MIN
			   ? w->tools->config->max_stalled_count
			   : CRASHES_MIN;

	if (w->deviation->crashes < most)
		return false;
	failure_set(why, FAILURE_VALIDATION_ERROR,
		    "the publisher crashed %d times in a row while it worked on this post, or ran "
		    "out of memory; its file may be the reason",
		    w->deviation->crashes);
	return true;
}

static void
run_locked(struct work *w)
{
	struct deviation *d = w->deviation;
	struct publish_wait wait = {.wait_ms = 0};
	struct failure why;
	bool multiple =
		w->data.mode == JOB_MODE_OF_ROW ? d->multiple : w->data.mode == JOB_MODE_MULTIPLE;

	w->publishing = (struct publishing){.tools = w->tools,
					    .job = w->job,
					    .deviation = d,
					    .lock = w->lock,
					    .lease = &w->lease,
					    .file_count = multiple ? d->file_count : 1};
	if (crashes_too_often(w, &why)) {
		job_end_for_good(w, &why);
		return;
	}
	switch (publish_run(&w->publishing, &wait, &why)) {
	case PUBLISH_DONE:
		job_end_complete(w, NULL);
		job_end_with_cleanup(w);
		return;
	case PUBLISH_WAIT:
		job_end_waiting(w, &wait);
		return;
	case PUBLISH_FAILED:
		job_end_failed(w, &why);
		return;
	}
}

static void
run_row(struct work *w)
{
	const struct deviation *d = w->deviation;
	struct failure why;

	if (strcmp(d->user_id, w->data.user_id) != 0) {
		failure_set(&why, FAILURE_VALIDATION_ERROR,
			    "the job's userId is not the user of the deviation; the row is left as "
			    "it is");
		job_end_with_reason(w, JOB_END_FAIL, &why);
		return;
	}
	if (d->locked) {
		run_locked(w);
	} else if (d->ended) {
		failure_set(&why, FAILURE_VALIDATION_ERROR, "%s",
			    d->error_message != NULL ? d->error_message : "failed");
		job_end_with_reason(w, JOB_END_FAIL, &why);
	} else if (d->status == DEVIATION_PUBLISHED) {
		log_event(LOG_INFO, "The deviation is published already", NULL);
		job_end_complete(w, "alreadyPublished");
		job_end_with_cleanup(w);
	} else {
		end_unlocked(w);
	}
}

/* Twice: with what is known of any job, and again once its data was read. */
static void
begin_log(const struct work *w)
{
	const struct log_job context = {
		.job_id = w->job->id,
		.deviation_id = w->data.deviation_id, /* "" so far */
		.user_id = w->data.user_id,
		.upload_mode =
			w->data.mode == JOB_MODE_OF_ROW
				? NULL
				: (w->data.mode == JOB_MODE_MULTIPLE ? "multiple" : "single"),
		.attempt_number = w->job->attempts_made + 1,
		.max_attempts = w->job->max_attempts,
	};

	log_job_begin(&context);
}

/* A job that must not or cannot be run at all; true: it ended here. */
static bool
refuse(struct work *w)
{
	struct failure why;

	if (w->job->deferred_failure != NULL)
		failure_set(&why, FAILURE_VALIDATION_ERROR, "%s", w->job->deferred_failure);
	else if (w->job->scheduler_id != NULL)
		failure_set(&why, FAILURE_VALIDATION_ERROR,
			    "the job belongs to the job scheduler \"%.80s\"; the publisher cannot "
			    "continue a schedule",
			    w->job->scheduler_id);
	else if (job_data_parse(w->job->name, w->job->data, &w->data, &why))
		return false;
	if (why.category == FAILURE_AWAY) {
		log_failure(LOG_WARN, "The job cannot be run now", &why, NULL);
		job_end_defer(w, WAIT_SERVER, LOOK_AGAIN_EVERY_MS);
		return true;
	}
	scoreboard_count_error(w->tools->board, w->tools->slot, why.category);
	log_failure(LOG_ERROR, "The job cannot be run", &why, NULL);
	job_end_with_reason(w, JOB_END_FAIL, &why);
	return true;
}

/* The row could not be read: PostgreSQL is away, or it cannot compute with a value that the row
 * holds, or not even understand the ids in the job's data; then there is no row to tell either. */
static void
end_without_row(struct work *w, const struct failure *why)
{
	struct failure told, away = {.category = FAILURE_NONE};
	bool rejected = false;

	if (why->category == FAILURE_UNKNOWN) {
		failure_set(&told, FAILURE_VALIDATION_ERROR,
			    "the publisher cannot work with a value of this post or of its artist; "
			    "%s",
			    why->message);
		if (!journal_reject(w->tools->postgres, w->data.deviation_id, w->data.user_id,
				    told.message, w->job->id, &rejected, &away) &&
		    away.category == FAILURE_AWAY)
			why = &away;
	}
	if (why->category != FAILURE_UNKNOWN) {
		job_end_database_away(w, why);
		return;
	}
	why = rejected ? &told : why;
	scoreboard_count_error(w->tools->board, w->tools->slot, FAILURE_VALIDATION_ERROR);
	log_failure(LOG_ERROR, "The job cannot be run", why, NULL);
	job_end_with_reason(w, JOB_END_FAIL, why);
}

static void
run_with_lock(struct work *w)
{
	struct failure why;

	scoreboard_job_deviation(w->tools->board, w->tools->slot, w->data.deviation_id);
	queue_progress(w->tools->queue, w->job, "{\"step\":\"loading\",\"percent\":0}", NULL);
	queue_log(w->tools->queue, w->job, "loading the deviation", NULL);
	w->lock = journal_lock(w->job->claimed_ms, w->tools->child->token, w->job->id);
	w->name = journal_job_name(w->job->id, w->job->timestamp_ms, w->job->attempts_made);
	if (w->lock == NULL || w->name == NULL)
		failure_set(&why, FAILURE_AWAY, "out of memory");
	if (w->lock == NULL || w->name == NULL || !tools_database(w->tools, &why) ||
	    !journal_begin(w->tools->postgres, w->data.deviation_id, w->data.user_id, w->lock,
			   w->job->id, w->job->retried_by_hand ? NULL : w->name, w->job->stalls,
			   &w->deviation, &why)) {
		end_without_row(w, &why);
		return;
	}
	w->tools->database_streak = 0;
	if (w->deviation == NULL) {
		failure_set(&why, FAILURE_VALIDATION_ERROR,
			    "there is no such deviation; it was deleted");
		log_failure(LOG_WARN, "The job cannot be run", &why, NULL);
		job_end_with_reason(w, JOB_END_FAIL, &why);
		return;
	}
	job_news_begin(w);
	run_row(w);
}

void
job_run(struct tools *tools, const struct queue_job *job, struct job_end *end)
{
	struct work w = {.tools = tools, .job = job, .end = end};

	*end = (struct job_end){.kind = JOB_END_DEFER, .wait = WAIT_SERVER, .delay_ms = 1000};
	lease_begin(&w.lease, tools, job);
	scoreboard_activity(tools->board, tools->slot, ACTIVITY_LOADING);
	begin_log(&w);
	if (!refuse(&w)) {
		begin_log(&w);
		log_event(LOG_INFO, "Starting deviation publish job", NULL);
		run_with_lock(&w);
	}
	job_news_end(&w);
	deviation_free(w.deviation);
	free(w.lock);
	free(w.name);
}

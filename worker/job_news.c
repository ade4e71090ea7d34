/*
 * job_news.c - what people who watch see of a job: names and failures on the health listener, a
 * line in the job's own log.                                            [worker]
 *
 * Invariant: the listener is told no title and no user name, nor a reason that quotes one, unless
 * HEALTH_CHECK_DETAILS is on.
 */
#include "worker/job_internal.h"

#include <stdio.h>

#include "common/scoreboard_failures.h"
#include "worker/discretion.h"

void
job_news_begin(const struct work *w)
{
	if (w->tools->config->health_check_details)
		scoreboard_job_names(w->tools->board, w->tools->slot, w->deviation->title,
				     w->deviation->username);
}

void
job_news_operator_fault(const struct work *w, enum operator_fault kind, const struct failure *why)
{
	char reason[FAILURE_MESSAGE_SIZE];

	discretion_reason(w->tools->config, w->deviation, why->message, reason);
	scoreboard_operator_fault(w->tools->board, w->tools->slot, kind, reason);
}

void
job_news_waiting(const struct work *w, const struct publish_wait *wait)
{
	char line[sizeof(wait->reason) + 64];

	snprintf(line, sizeof(line), "waits for %.1f s: %s", (double)wait->wait_ms / 1000,
		 wait->reason);
	queue_log(w->tools->queue, w->job, line, NULL);
}

/* A job that goes back to the queue because this process, its lease or PostgreSQL ends has not
 * failed. */
static bool
has_failed(const struct job_end *end)
{
	return end->category != FAILURE_NONE && end->category != FAILURE_LOST &&
	       end->category != FAILURE_STOPPED && end->reason[0] != '\0' && !end->database_away &&
	       end->kind != JOB_END_COMPLETE && end->kind != JOB_END_LEAVE;
}

/* BullMQ's own log of the job, which whoever asks the queue may read: the reason as it is. */
static void
tell_job(const struct work *w)
{
	const struct job_end *end = w->end;
	char line[FAILURE_MESSAGE_SIZE + 128];

	if (end->kind == JOB_END_FAIL)
		snprintf(line, sizeof(line), "failed for good: %s", end->reason);
	else if (end->kind == JOB_END_RETRY)
		snprintf(line, sizeof(line), "attempt %d of %d failed, again in %.1f s: %s",
			 w->job->attempts_made + 1, w->job->max_attempts,
			 (double)end->delay_ms / 1000, end->reason);
	else
		snprintf(line, sizeof(line), "waits for %.1f s: %s", (double)end->delay_ms / 1000,
			 end->reason);
	queue_log(w->tools->queue, w->job, line, NULL);
}

void
job_news_end(const struct work *w)
{
	const struct config *config = w->tools->config;
	const struct job_end *end = w->end;
	const struct deviation *d = w->deviation;
	char reason[FAILURE_MESSAGE_SIZE];

	if (!has_failed(end))
		return;
	tell_job(w);
	discretion_reason(config, d, end->reason, reason);
	scoreboard_tell_failure(
		w->tools->board,
		&(struct scoreboard_news){
			.outcome =
				end->kind == JOB_END_FAIL ? FAILURE_ENDED_JOB : FAILURE_DELAYED_JOB,
			.category = end->category,
			.attempt = w->job->attempts_made + 1,
			.max_attempts = w->job->max_attempts,
			.wait_ms = end->kind == JOB_END_FAIL ? 0 : end->delay_ms,
			.id = w->job->id,
			.deviation_id = w->data.deviation_id,
			.title = config->health_check_details && d != NULL ? d->title : NULL,
			.user = config->health_check_details && d != NULL ? d->username : NULL,
			.reason = reason,
		});
}

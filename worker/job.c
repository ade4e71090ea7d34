/*
 * job.c - one claimed job, from its data to what is to become of it in the queue.   [worker]
 */
#include "worker/job.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/chance.h"
#include "worker/gates.h"
#include "worker/job_data.h"
#include "worker/journal.h"
#include "worker/lease.h"
#include "worker/publish.h"
#include "worker/retry.h"
#include "worker/token.h"

#define LOOK_AGAIN_FOR_MS                                                                          \
	10000 /* "publish now" adds its job a moment before it changes the row                     \
	       */
#define LOOK_AGAIN_EVERY_MS 500
#define FOREIGN_LOCK_MS     (30 * 60 * 1000)
#define FOREIGN_LOOK_MS     30000
#define UNRESOLVED_STEPS    2 /* of a category's waits, while an outcome is unknown */
#define UNRESOLVED_LEAST_MS 2000
#define CRASHES_MIN         10

/* One job at work. */
struct work {
	struct tools *tools;
	const struct queue_job *job;
	struct job_data data;
	struct deviation *deviation;
	char *lock, *name; /* the execution lock of this claim; journal_job_name() */
	struct lease lease;
	struct publishing publishing;
	struct job_end *end;
};

void
job_end_clear(struct job_end *end)
{
	free(end->return_value);
	end->return_value = NULL;
}

/* ---- ends ---- */

static void
end_defer(struct work *w, int64_t delay_ms)
{
	w->end->kind = JOB_END_DEFER;
	w->end->delay_ms = delay_ms > 1 ? delay_ms : 1;
}

static void
end_with_reason(struct work *w, enum job_end_kind kind, const struct failure *why)
{
	w->end->kind = kind;
	w->end->category = why->category;
	snprintf(w->end->reason, sizeof(w->end->reason), "%s", why->message);
}

/* {"success": true, "results": [...], ...}; flag names a further member that is true, NULL = none.
 */
static void
end_complete(struct work *w, const char *flag)
{
	const struct deviation *d = w->deviation;
	cJSON *value = cJSON_CreateObject();
	const bool success = cJSON_AddTrueToObject(value, "success") != NULL;
	cJSON *results = success ? cJSON_AddArrayToObject(value, "results") : NULL;
	size_t count = w->publishing.file_count;

	for (size_t i = 0; flag == NULL && i < count; i++) {
		cJSON *entry = cJSON_CreateObject();

		cJSON_AddItemToObject(entry, "deviationId",
				      d->files[i].deviation_id != NULL
					      ? cJSON_CreateString(d->files[i].deviation_id)
					      : cJSON_CreateNull());
		cJSON_AddItemToObject(entry, "url",
				      d->files[i].url != NULL ? cJSON_CreateString(d->files[i].url)
							      : cJSON_CreateNull());
		cJSON_AddItemToArray(results, entry);
	}
	if (flag != NULL && strcmp(flag, "alreadyPublished") == 0) {
		cJSON *entry = cJSON_CreateObject();

		cJSON_AddItemToObject(entry, "deviationId",
				      d->deviation_id != NULL ? cJSON_CreateString(d->deviation_id)
							      : cJSON_CreateNull());
		cJSON_AddItemToObject(entry, "url",
				      d->deviation_url != NULL
					      ? cJSON_CreateString(d->deviation_url)
					      : cJSON_CreateNull());
		cJSON_AddItemToArray(results, entry);
	}
	if (flag != NULL)
		cJSON_AddTrueToObject(value, flag);
	w->end->kind = JOB_END_COMPLETE;
	w->end->return_value = cJSON_PrintUnformatted(value);
	cJSON_Delete(value);
}

static void
want_cleanup(struct work *w)
{
	w->end->add_cleanup = true;
	snprintf(w->end->deviation_id, sizeof(w->end->deviation_id), "%s", w->data.deviation_id);
	snprintf(w->end->user_id, sizeof(w->end->user_id), "%s", w->data.user_id);
}

/* PostgreSQL could not be told: nothing moves on that the row does not say. The job waits and is
 * looked at again. */
static void
end_database_away(struct work *w, const struct failure *why)
{
	log_failure(LOG_WARN, "PostgreSQL cannot be told; the job waits", why, NULL);
	w->end->category = why->category;
	if (why->category == FAILURE_LOST) {
		end_defer(w, LOOK_AGAIN_EVERY_MS);
		return;
	}
	w->end->database_away = true;
	w->tools->database_streak++;
	end_defer(w, retry_away_ms(w->tools->database_streak, (double)chance_below(1000001) / 1e6));
}

/* ---- failures ---- */

static struct retry_history
history_of(const struct work *w, const struct failure *why, int64_t gate_wait_ms)
{
	const struct deviation *d = w->deviation;
	const char *category = failure_category_name(why->category);

	return (struct retry_history){
		.category_retries = d != NULL ? deviation_retries(d, category) : 0,
		.outages = d != NULL ? d->outages : 0,
		.away_streak =
			d != NULL ? deviation_retries(d, failure_category_name(FAILURE_AWAY)) : 0,
		.refused_for_ms = d != NULL ? d->refused_for_ms : -1,
		.attempts_made = w->job->attempts_made,
		.max_attempts = w->job->max_attempts,
		.backoff = &w->job->backoff,
		.gate_wait_ms = gate_wait_ms,
		.unknown_wait_ms = w->tools->config->unknown_wait_ms,
	};
}

/* Tells the gates what DeviantArt said about the slot that was taken; -1: they say nothing about
 * the wait. */
static int64_t
tell_gates(struct work *w, const struct failure *why)
{
	struct publishing *p = &w->publishing;
	int64_t wait_ms = -1;
	char name[PUBLISHING_GATE_NAME_SIZE];

	if (w->deviation == NULL || p->file == NULL || !p->asked_gates)
		return -1;
	publishing_gate_name(p, name);
	if (why->category == FAILURE_RATE_LIMIT || why->category == FAILURE_QUOTA_EXCEEDED)
		gates_refused(w->tools->gates, w->deviation->user_id, name, why, &wait_ms);
	else if (why->category == FAILURE_VALIDATION_ERROR && why->http_status != 0)
		gates_ok(w->tools->gates, w->deviation->user_id, name);
	else
		gates_leave(w->tools->gates, w->deviation->user_id, name);
	return why->category == FAILURE_RATE_LIMIT ? wait_ms : -1;
}

/* The login is dead: the artist's other scheduled posts become drafts, and their jobs go. */
static bool
pause_artist(struct work *w, struct failure *why)
{
	char *ids = NULL;
	cJSON *array;
	const cJSON *item;
	struct failure gone;
	bool redis = true;
	int count = 0;

	scoreboard_count(w->tools->board, w->tools->slot, COUNTER_DEAD_LOGINS, 1);
	if (!token_login_dead(w->tools->tokens, w->deviation, &ids, why))
		return false;
	array = cJSON_Parse(ids);
	cJSON_ArrayForEach(item, array)
	{
		char id[JOB_DATA_TEXT_MAX + 16];
		bool removed;

		snprintf(id, sizeof(id), "deviation-%s", item->valuestring);
		/* A job that stays finds its row a draft, and ends as skipped. */
		if (redis && !queue_remove(w->tools->queue, id, &removed, &gone))
			redis = false;
		count++;
	}
	cJSON_Delete(array);
	free(ids);
	log_event(LOG_WARN, "The login is dead; the artist's scheduled posts are drafts now",
		  (struct log_field[]){LOG_INT("paused", count), LOG_END});
	return true;
}

static void
fail_for_good(struct work *w, const struct failure *why)
{
	struct publishing *p = &w->publishing;
	bool dead = why->category == FAILURE_REFRESH_TOKEN_EXPIRED;
	const char *message = dead ? token_dead_message : why->message;
	const char *file_id = p->file != NULL ? p->file->id : NULL;
	struct failure away;

	if ((dead && !pause_artist(w, &away)) ||
	    !journal_failed(w->tools->postgres, w->deviation->id, w->lock, message,
			    p->item_gone ? file_id : NULL,
			    p->publish_refused && !p->item_gone ? file_id : NULL, w->name, &away)) {
		end_database_away(w, &away);
		return;
	}
	end_with_reason(w, JOB_END_FAIL, why);
	log_failure(LOG_ERROR, "Deviation failed for good", why, NULL);
}

static void
release_and_end(struct work *w, const struct failure *why, const struct retry_decision *decision)
{
	struct publishing *p = &w->publishing;
	bool burned = decision->action == RETRY_ATTEMPT;
	bool told = burned || decision->refusal || why->category == FAILURE_OUTCOME_UNKNOWN;
	const struct journal_release release = {
		.message = told ? why->message : NULL,
		.count_as = decision->count_as,
		.attempt_failed = burned,
		.refusal = decision->refusal,
		.refused_file = p->publish_refused && p->file != NULL ? p->file->id : NULL,
		.step = burned ? "attempt failed" : "waits",
		.detail = why->message,
	};
	struct failure away;

	end_with_reason(w, burned ? JOB_END_RETRY : JOB_END_DEFER, why);
	w->end->delay_ms = decision->delay_ms > 1 ? decision->delay_ms : 1;
	if (decision->action == RETRY_PUT_BACK)
		w->end->kind = JOB_END_PUT_BACK;
	/*
	 * Without PostgreSQL a counted attempt cannot be counted in the row: it is not burned in
	 * the queue either. A row that could not be released keeps a lock of our own format, which
	 * the next claim of this job takes over.
	 */
	if (!journal_release(w->tools->postgres, w->deviation->id, w->lock, &release, &away) &&
	    burned)
		end_database_away(w, &away);
}

/*
 * Whether the file at hand may be public without our knowing: then no failure ends the job or burns
 * an attempt, until everything was asked (contract.md "Failures", the paragraph on reconciling).
 */
static bool
is_unresolved(const struct work *w, const struct failure *why)
{
	const struct publishing *p = &w->publishing;

	if (p->file == NULL || p->file->state != FILE_PUBLISHING || p->unknowable)
		return false;
	if (p->publish_refused && (p->file->asks <= 1 || why->category == FAILURE_VALIDATION_ERROR))
		return false;
	return why->category != FAILURE_REFRESH_TOKEN_EXPIRED;
}

/* What the table says of a failure while an outcome is unknown: it is waited for, whatever it is.
 */
static struct retry_decision
decide_unresolved(const struct retry_history *history, const struct failure *why, double chance)
{
	struct retry_history patient = *history;
	struct retry_decision decision;

	patient.attempts_made = 0;
	patient.refused_for_ms = -1;
	if (patient.category_retries > UNRESOLVED_STEPS)
		patient.category_retries = UNRESOLVED_STEPS;
	patient.max_attempts = UNRESOLVED_STEPS + 2;
	decision = retry_decide(why, &patient, chance);
	if (decision.action == RETRY_ATTEMPT || decision.action == RETRY_FAIL) {
		decision.action = RETRY_WAIT;
		if (decision.delay_ms < UNRESOLVED_LEAST_MS)
			decision.delay_ms = UNRESOLVED_LEAST_MS;
	}
	return decision;
}

static void
end_failed(struct work *w, struct failure *why)
{
	struct retry_history history = history_of(w, why, tell_gates(w, why));
	double chance = (double)chance_below(1000001) / 1e6;
	struct retry_decision decision = is_unresolved(w, why)
						 ? decide_unresolved(&history, why, chance)
						 : retry_decide(why, &history, chance);

	scoreboard_count_error(w->tools->board, w->tools->slot, why->category);
	if (why->category == FAILURE_OPERATOR)
		scoreboard_operator_fault(w->tools->board, w->tools->slot, why->message);
	if (decision.action == RETRY_FAIL) {
		fail_for_good(w, why);
		return;
	}
	log_failure(why->category == FAILURE_OPERATOR ? LOG_ERROR : LOG_WARN,
		    decision.action == RETRY_ATTEMPT ? "Attempt failed; the job is retried"
						     : "The job waits",
		    why, (struct log_field[]){LOG_INT("delayMs", decision.delay_ms), LOG_END});
	if (decision.action == RETRY_LET_GO) {
		end_with_reason(w, JOB_END_DEFER, why);
		w->end->delay_ms = decision.delay_ms;
		return;
	}
	release_and_end(w, why, &decision);
}

/* A gate, or a publish with an unknown outcome, says "later". */
static void
end_waiting(struct work *w, const struct publish_wait *wait)
{
	const struct journal_release release = {
		.step = wait->unknown ? "waits" : NULL,
		.detail = wait->reason,
	};
	struct failure away;

	log_event(LOG_INFO, "The job waits",
		  (struct log_field[]){LOG_STR("reason", wait->reason),
				       LOG_INT("delayMs", wait->wait_ms), LOG_END});
	end_defer(w, wait->wait_ms);
	if (w->publishing.asked_gates)
		publishing_gate_ok(
			&w->publishing); /* DeviantArt answered: a probe has its verdict */
	if (!journal_release(w->tools->postgres, w->deviation->id, w->lock, &release, &away))
		log_failure(LOG_WARN, "The row could not be released", &away, NULL);
}

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
		end_database_away(w, &away);
		return true;
	}
	if (rejected)
		end_with_reason(w, JOB_END_FAIL, &none);
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
		end_database_away(w, &away);
		return;
	}
	log_event(LOG_INFO, "The artist took the post back; nothing is done", NULL);
	end_complete(w, "skipped");
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
			end_defer(w, LOOK_AGAIN_EVERY_MS);
			return;
		}
		end_taken_back(w);
		return;
	case DEVIATION_SCHEDULED:
		if (d->due_known && d->due_in_ms > 0) {
			end_defer(w, early ? LOOK_AGAIN_EVERY_MS : d->due_in_ms);
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
		end_defer(w, LOOK_AGAIN_EVERY_MS); /* it changed under our eyes */
		return;
	}
	log_event(LOG_INFO, "Somebody else works on the deviation; the job waits",
		  (struct log_field[]){LOG_INT("lockedForMs", d->locked_for_ms), LOG_END});
	end_defer(w, d->locked_for_ms + FOREIGN_LOOK_MS > FOREIGN_LOCK_MS
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
		    "the publisher crashed %d times in a row while it worked on this post; its "
		    "file may be the reason",
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
		fail_for_good(w, &why);
		return;
	}
	switch (publish_run(&w->publishing, &wait, &why)) {
	case PUBLISH_DONE:
		end_complete(w, NULL);
		want_cleanup(w);
		return;
	case PUBLISH_WAIT:
		end_waiting(w, &wait);
		return;
	case PUBLISH_FAILED:
		end_failed(w, &why);
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
		end_with_reason(w, JOB_END_FAIL, &why);
		return;
	}
	if (d->locked) {
		run_locked(w);
	} else if (d->ended) {
		failure_set(&why, FAILURE_VALIDATION_ERROR, "%s",
			    d->error_message != NULL ? d->error_message : "failed");
		end_with_reason(w, JOB_END_FAIL, &why);
	} else if (d->status == DEVIATION_PUBLISHED) {
		log_event(LOG_INFO, "The deviation is published already", NULL);
		end_complete(w, "alreadyPublished");
		want_cleanup(w);
	} else {
		end_unlocked(w);
	}
}

static void
begin_log(const struct work *w)
{
	const struct log_job context = {
		.job_id = w->job->id,
		.deviation_id = w->data.deviation_id,
		.user_id = w->data.user_id,
		.upload_mode =
			w->data.mode == JOB_MODE_OF_ROW
				? NULL
				: (w->data.mode == JOB_MODE_MULTIPLE ? "multiple" : "single"),
		.attempt_number = w->job->attempts_made + 1,
		.max_attempts = w->job->max_attempts,
	};

	log_job_begin(&context);
	log_event(LOG_INFO, "Starting deviation publish job", NULL);
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
	scoreboard_count_error(w->tools->board, w->tools->slot, why.category);
	log_failure(LOG_ERROR, "The job cannot be run", &why,
		    (struct log_field[]){LOG_STR("jobId", w->job->id), LOG_END});
	end_with_reason(w, JOB_END_FAIL, &why);
	return true;
}

/* The row could not be read: PostgreSQL is away, or it cannot even understand the ids in the job's
 * data. */
static void
end_without_row(struct work *w, const struct failure *why)
{
	if (why->category != FAILURE_UNKNOWN) {
		end_database_away(w, why);
		return;
	}
	scoreboard_count_error(w->tools->board, w->tools->slot, FAILURE_VALIDATION_ERROR);
	log_failure(LOG_ERROR, "The job cannot be run", why, NULL);
	end_with_reason(w, JOB_END_FAIL, why);
}

static void
run_with_lock(struct work *w)
{
	struct failure why;

	scoreboard_job_deviation(w->tools->board, w->tools->slot, w->data.deviation_id);
	queue_progress(w->tools->queue, w->job, "{\"step\":\"loading\",\"percent\":0}", NULL);
	w->lock = journal_lock(w->job->claimed_ms, w->tools->child->token, w->job->id);
	w->name = journal_job_name(w->job->id, w->job->timestamp_ms, w->job->attempts_made);
	if (w->lock == NULL || w->name == NULL)
		failure_set(&why, FAILURE_AWAY, "out of memory");
	if (w->lock == NULL || w->name == NULL || !tools_database(w->tools, &why) ||
	    !journal_begin(w->tools->postgres, w->data.deviation_id, w->data.user_id, w->lock,
			   w->job->id, w->name, &w->deviation, &why)) {
		end_without_row(w, &why);
		return;
	}
	w->tools->database_streak = 0;
	if (w->deviation == NULL) {
		failure_set(&why, FAILURE_VALIDATION_ERROR,
			    "there is no such deviation; it was deleted");
		log_failure(LOG_WARN, "The job cannot be run", &why, NULL);
		end_with_reason(w, JOB_END_FAIL, &why);
		return;
	}
	run_row(w);
}

void
job_run(struct tools *tools, const struct queue_job *job, struct job_end *end)
{
	struct work w = {.tools = tools, .job = job, .end = end};

	*end = (struct job_end){.kind = JOB_END_DEFER, .delay_ms = 1000};
	lease_begin(&w.lease, tools, job);
	scoreboard_activity(tools->board, tools->slot, ACTIVITY_LOADING);
	if (!refuse(&w)) {
		begin_log(&w);
		run_with_lock(&w);
	}
	deviation_free(w.deviation);
	free(w.lock);
	free(w.name);
}

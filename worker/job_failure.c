/*
 * job_failure.c - a job that failed, or has to wait: the row is told, then the end is chosen.
 * [worker]
 */
#include "worker/job_internal.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "worker/chance.h"
#include "worker/gates.h"
#include "worker/journal.h"
#include "worker/retry.h"
#include "worker/token.h"

#define UNRESOLVED_STEPS    2 /* of a category's waits, while an outcome is unknown */
#define UNRESOLVED_LEAST_MS 2000

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

void
job_end_for_good(struct work *w, const struct failure *why)
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
		job_end_database_away(w, &away);
		return;
	}
	job_end_with_reason(w, JOB_END_FAIL, why);
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

	job_end_with_reason(w, burned ? JOB_END_RETRY : JOB_END_DEFER, why);
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
		job_end_database_away(w, &away);
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

void
job_end_failed(struct work *w, struct failure *why)
{
	struct retry_history history = history_of(w, why, tell_gates(w, why));
	double chance = (double)chance_below(1000001) / 1e6;
	struct retry_decision decision = is_unresolved(w, why)
						 ? decide_unresolved(&history, why, chance)
						 : retry_decide(why, &history, chance);

	scoreboard_count_error(w->tools->board, w->tools->slot, why->category);
	if (why->category == FAILURE_OPERATOR)
		scoreboard_operator_fault(w->tools->board, w->tools->slot,
					  OPERATOR_FAULT_APPLICATION, why->message);
	if (why->is_setting)
		scoreboard_operator_fault(w->tools->board, w->tools->slot, OPERATOR_FAULT_STORAGE,
					  why->message);
	if (decision.action == RETRY_FAIL) {
		job_end_for_good(w, why);
		return;
	}
	log_failure(why->category == FAILURE_OPERATOR || why->is_setting ? LOG_ERROR : LOG_WARN,
		    decision.action == RETRY_ATTEMPT ? "Attempt failed; the job is retried"
						     : "The job waits",
		    why, (struct log_field[]){LOG_INT("delayMs", decision.delay_ms), LOG_END});
	if (decision.action == RETRY_LET_GO) {
		job_end_with_reason(w, JOB_END_DEFER, why);
		w->end->delay_ms = decision.delay_ms;
		return;
	}
	release_and_end(w, why, &decision);
}

/* A gate, or a publish with an unknown outcome, says "later". */
void
job_end_waiting(struct work *w, const struct publish_wait *wait)
{
	const struct journal_release release = {
		.step = wait->unknown ? "waits" : NULL,
		.detail = wait->reason,
	};
	struct failure away;

	log_event(LOG_INFO, "The job waits",
		  (struct log_field[]){LOG_STR("reason", wait->reason),
				       LOG_INT("delayMs", wait->wait_ms), LOG_END});
	job_end_defer(w, wait->wait_ms);
	if (w->publishing.asked_gates)
		publishing_gate_ok(
			&w->publishing); /* DeviantArt answered: a probe has its verdict */
	if (!journal_release(w->tools->postgres, w->deviation->id, w->lock, &release, &away))
		log_failure(LOG_WARN, "The row could not be released", &away, NULL);
}

/*
 * job_failure.c - a job that failed, or has to wait: the row is told, then the end is chosen.
 * [worker]
 */
#include "worker/job_internal.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "worker/chance.h"
#include "worker/gates.h"
#include "worker/journal.h"
#include "worker/retry.h"
#include "worker/shortage.h"
#include "worker/token.h"

/* While an outcome is unknown: 2 s doubling to 4 min for what else would end the job, for a day. */
#define UNRESOLVED_FIRST_MS 2000
#define UNRESOLVED_STEPS    7
#define UNRESOLVED_FOR_MS   (24LL * 3600 * 1000)
#define LOOK_FIRST                                                                                 \
	"It may be public all the same: please look at your gallery before scheduling it again"

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

/* The failure that ends a post of which a part may be public without our knowing. */
static void
ask_to_look(struct failure *why, const char *words)
{
	char text[sizeof(why->message)];

	snprintf(text, sizeof(text), "%s", words);
	failure_set(why, why->category, "%.300s%s " LOOK_FIRST, text,
		    text[0] != '\0' && text[strlen(text) - 1] != '.' ? "." : "");
}

/* A file was asked to be published, the answer is not known, and the job ends for another reason.
 */
static bool
leaves_unknown(const struct work *w, const struct failure *why)
{
	const struct deviation *d = w->deviation;

	for (size_t i = 0; i < d->file_count; i++) {
		const struct deviation_file *file = &d->files[i];
		bool refused = file == w->publishing.file && w->publishing.publish_refused &&
			       (file->asks <= 1 || why->category == FAILURE_VALIDATION_ERROR);

		if (file->state == FILE_PUBLISHING && !refused)
			return true;
	}
	return false;
}

void
job_end_for_good(struct work *w, const struct failure *why)
{
	struct publishing *p = &w->publishing;
	bool dead = why->category == FAILURE_REFRESH_TOKEN_EXPIRED;
	const char *file_id = p->file != NULL ? p->file->id : NULL;
	struct failure away, told = *why;

	if (dead)
		failure_set(&told, why->category, "%s", token_dead_message);
	/* Where everything was asked, the message says so already. */
	if (!p->unknowable && !p->item_gone && leaves_unknown(w, why)) {
		ask_to_look(&told, told.message);
		scoreboard_count_reconciled(w->tools->board, w->tools->slot, RECONCILED_FAILED);
	}
	if ((dead && !pause_artist(w, &away)) ||
	    !journal_failed(w->tools->postgres, w->deviation->id, w->lock, told.message,
			    p->item_gone ? file_id : NULL,
			    p->publish_refused && !p->item_gone ? file_id : NULL, w->name, &away)) {
		job_end_database_away(w, &away);
		return;
	}
	job_end_with_reason(w, JOB_END_FAIL, &told);
	log_failure(LOG_ERROR, "Deviation failed for good", &told, NULL);
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
	w->end->wait = retry_wait_reason(why, decision->action);
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

/*
 * While an outcome is unknown no failure burns an attempt: what the table would count as one is
 * waited out as a refusal is, with growing pauses, and like a refusal it is given up after a day.
 */
static struct retry_decision
decide_unresolved(const struct retry_history *history, const struct failure *why, double chance)
{
	struct retry_decision decision = retry_decide(why, history, chance);
	int steps = history->category_retries < UNRESOLVED_STEPS ? history->category_retries
								 : UNRESOLVED_STEPS;
	int64_t wait_ms = (int64_t)UNRESOLVED_FIRST_MS << steps;

	if (decision.action != RETRY_ATTEMPT && decision.action != RETRY_FAIL)
		return decision;
	if (history->refused_for_ms >= UNRESOLVED_FOR_MS)
		return (struct retry_decision){.action = RETRY_FAIL};
	if (why->wait_ms > wait_ms)
		wait_ms = why->wait_ms;
	return (struct retry_decision){.action = RETRY_WAIT,
				       .refusal = true,
				       .count_as = failure_category_name(why->category),
				       .delay_ms =
					       wait_ms + (int64_t)(0.2 * chance * (double)wait_ms)};
}

/* Nobody gave a clear answer: this may be how a library tells that it was denied memory. */
static bool
may_be_shortage(const struct failure *why)
{
	return why->category == FAILURE_AWAY || why->category == FAILURE_NETWORK_ERROR ||
	       why->category == FAILURE_UNKNOWN || why->category == FAILURE_OUTCOME_UNKNOWN;
}

static struct retry_decision
decide(struct work *w, const struct failure *why)
{
	struct retry_history history = history_of(w, why, tell_gates(w, why));
	double chance = (double)chance_below(1000001) / 1e6;

	return is_unresolved(w, why) ? decide_unresolved(&history, why, chance)
				     : retry_decide(why, &history, chance);
}

void
job_end_failed(struct work *w, struct failure *why)
{
	struct retry_decision decision;

	/* Nothing is burned, ended or put aside by what was understood without memory. The row
	 * stays claimed: whether the job is to blame is for those to judge who record the death. */
	if (may_be_shortage(why) && shortage_is_for_good(w->tools)) {
		log_failure(LOG_WARN, "The job is handed back", why, NULL);
		job_end_with_reason(w, JOB_END_LEAVE, why);
		return;
	}
	decision = decide(w, why);
	scoreboard_count_error(w->tools->board, w->tools->slot, why->category);
	if (why->category == FAILURE_OPERATOR)
		job_news_operator_fault(w, OPERATOR_FAULT_APPLICATION, why);
	if (why->is_setting)
		job_news_operator_fault(w, OPERATOR_FAULT_STORAGE, why);
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
		w->end->wait = WAIT_LOST;
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
	job_news_waiting(w, wait);
	job_end_defer(w, wait->unknown ? WAIT_UNKNOWN : wait->kind, wait->wait_ms);
	if (w->publishing.asked_gates)
		publishing_gate_ok(
			&w->publishing); /* DeviantArt answered: a probe has its verdict */
	if (!journal_release(w->tools->postgres, w->deviation->id, w->lock, &release, &away))
		log_failure(LOG_WARN, "The row could not be released", &away, NULL);
}

/*
 * saying.c - where a post stands, what comes next, what can be done.   [explain command]
 */
#include <stdio.h>
#include <string.h>

#include "worker/explain/story.h"
#include "worker/explain/words.h"

#define TEXT_SIZE 700

/* What the publishers themselves hold to (sql/overdue.sql, retry.c, reconcile.c). */
#define OVERDUE_MS       5000
#define UNTOUCHED_MS     30000
#define GIVE_UP_MS       (24LL * 3600 * 1000)
#define LINK_GIVEN_UP_MS (30 * 60 * 1000)

#define WHERE(...)  story_say(story, &story->where, __VA_ARGS__)
#define NEXT(...)   story_say(story, &story->next, __VA_ARGS__)
#define ADVICE(...) story_say(story, &story->advice, __VA_ARGS__)

typedef void saying(struct story *story, const struct facts *f);

/* ---- what several of them say ---- */

static const char *
when(const struct facts *f, int64_t at_ms, char out[WORDS_WHEN_SIZE])
{
	return words_when(at_ms, f->now_ms, out);
}

/* What others wrote may end as a sentence does, or not. */
static const char *
full_stop(const char *text)
{
	size_t size = strlen(text);

	return size > 0 && strchr(".!?", text[size - 1]) != NULL ? "" : ".";
}

/* Who would take the job. */
static void
say_who_is_there(struct story *story, const struct facts *f)
{
	if (f->queue.workers == 0) {
		NEXT("No worker is connected to the queue.");
		ADVICE("Start a publisher.");
	}
}

static void
say_when_due(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE];

	story->next_ms = story_time(f, f->job.due_ms);
	NEXT("It is tried again %s.", when(f, story->next_ms, at));
	if (f->queue.paused) {
		NEXT("The queue is paused: nobody takes it before that is over.");
		ADVICE("Resume the queue. `isekai-publisher resume` does it.");
	}
	say_who_is_there(story, f);
}

/* What the last attempt met; nothing where it is not known. */
static void
say_last_reason(struct story *story, const struct facts *f)
{
	const struct facts_step *last = story_last_wait(f);
	char detail[TEXT_SIZE];

	if (last == NULL || last->detail[0] == '\0')
		return;
	words_clean(detail, sizeof(detail), last->detail);
	WHERE("What happened: %s%s", detail, full_stop(detail));
}

/* A refusal is waited out for a day. */
static void
say_give_up(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE];

	if (f->first_refused_ms != FACTS_NONE)
		NEXT("It is given up if nothing has gone well until %s.",
		     when(f, f->first_refused_ms + GIVE_UP_MS, at));
}

static void
say_crashes(struct story *story, const struct facts *f)
{
	if (f->crashes > 0)
		WHERE("So far %lld in a row died at it, or their host did.", (long long)f->crashes);
}

/* ---- what is over, or has not begun ---- */

static void
say_published(struct story *story, const struct facts *f)
{
	char url[TEXT_SIZE], span[WORDS_SPAN_SIZE];

	if (f->due_ms != FACTS_NONE && f->published_ms != FACTS_NONE)
		WHERE("It was published %s %s.", words_span(f->published_ms - f->due_ms, span),
		      f->published_ms >= f->due_ms ? "after it was due" : "before its date");
	else
		WHERE("It is published.");
	/* Nothing stands behind a link that somebody copies. */
	if (f->url[0] != '\0')
		WHERE("Its link: %s", words_clean(url, sizeof(url), f->url));
	else
		WHERE("Its link is not known.");
	NEXT("Nothing: it is done.");
	if (f->url[0] == '\0')
		ADVICE("Look for it in the artist's gallery.");
}

static void
say_stashed(struct story *story, const struct facts *f)
{
	(void)f;
	WHERE("It is in Sta.sh, and no more was asked for (stash only).");
	NEXT("Nothing: it is done.");
}

static void
say_message(struct story *story, const struct facts *f)
{
	char message[TEXT_SIZE];

	if (f->error_message[0] != '\0')
		WHERE("What its artist was told last: %s",
		      words_clean(message, sizeof(message), f->error_message));
}

static void
say_draft(struct story *story, const struct facts *f)
{
	WHERE("It is a draft: nobody publishes it.");
	say_message(story, f);
	if (facts_job_lives(f))
		NEXT("Its job in the queue ends without doing anything, unless it is scheduled.");
	else
		NEXT("Nothing, until it is scheduled.");
	ADVICE("Schedule it.");
}

static void
say_review(struct story *story, const struct facts *f)
{
	WHERE("It is in review: nobody publishes it.");
	say_message(story, f);
	NEXT("Nothing, until it is scheduled.");
}

static void
say_login_dead(struct story *story, const struct facts *f)
{
	WHERE("Its artist's DeviantArt login is dead; the artist's scheduled posts are drafts.");
	say_message(story, f);
	NEXT("Nothing, until the account is connected again and the post is scheduled.");
	ADVICE("Let the artist connect the DeviantArt account again, then schedule the post "
	       "anew.");
}

static void
say_failed(struct story *story, const struct facts *f)
{
	char message[TEXT_SIZE];

	words_clean(message, sizeof(message), f->error_message);
	WHERE("It failed for good: %s", message[0] != '\0' ? message : "nobody said why");
	NEXT("Nothing, until somebody schedules it again.");
	if (strcasestr(f->error_message, "look at your gallery") != NULL)
		ADVICE("It may be public all the same: let its artist look at the gallery first.");
	ADVICE("Mend what the reason names, then schedule it again, or run "
	       "`isekai-publisher retry` with its id.");
}

static void
say_no_files(struct story *story, const struct facts *f)
{
	(void)f;
	WHERE("It has no files: there is nothing to publish.");
	NEXT("It fails when its job runs.");
	ADVICE("Add a file.");
}

static void
say_no_date(struct story *story, const struct facts *f)
{
	(void)f;
	WHERE("It is scheduled without a date, and has no job: no publisher looks for such a "
	      "post.");
	NEXT("Nothing.");
	ADVICE("Give it a date, or run `isekai-publisher enqueue` with its id.");
}

static void
say_strange(struct story *story, const struct facts *f)
{
	char status[60];

	WHERE("Its status \"%s\" is none that this program knows.",
	      words_clean(status, sizeof(status), f->status));
	NEXT("Nothing that this program does.");
}

/* ---- what has no job at work ---- */

static void
say_scheduled(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE], span[WORDS_SPAN_SIZE];
	bool late = f->job.place == PLACE_DELAYED &&
		    story_time(f, f->job.due_ms) > f->due_ms + OVERDUE_MS;

	story->next_ms = f->due_ms;
	WHERE("It is scheduled, and not due yet.");
	if (f->job.place == PLACE_NOT_ASKED)
		NEXT("It is due %s.", when(f, f->due_ms, at));
	else if (facts_job_lives(f) && !late)
		NEXT("It is due %s; a worker takes its job then.", when(f, f->due_ms, at));
	else
		NEXT("It is due %s; its job is %s, which the publishers notice within %s and mend.",
		     when(f, f->due_ms, at), late ? "due later" : "not in the queue",
		     words_span(f->config->reconcile_interval_ms + OVERDUE_MS, span));
	if (f->job.place != PLACE_NOT_ASKED)
		say_who_is_there(story, f);
}

/* When the publishers' sweep may see it at the earliest (sql/overdue.sql). */
static int64_t
sweep_ms(const struct facts *f)
{
	int64_t from_ms = f->now_ms;

	if (strcmp(f->status, "scheduled") == 0 && f->due_ms != FACTS_NONE)
		from_ms = f->due_ms + OVERDUE_MS;
	else if (f->updated_ms != FACTS_NONE)
		from_ms = f->updated_ms + UNTOUCHED_MS;
	return from_ms > f->now_ms ? from_ms : f->now_ms;
}

static void
say_no_job(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE], reason[TEXT_SIZE];

	words_clean(reason, sizeof(reason), f->job.failed_reason);
	if (f->job.place == PLACE_COMPLETED || f->job.place == PLACE_FAILED)
		WHERE("It is due, and its job in the queue has ended (%s%s%s), which its row does "
		      "not say.",
		      facts_place_name(f->job.place), reason[0] != '\0' ? ": " : "", reason);
	else
		WHERE("It is due, and there is no job in the queue that would publish it.");
	story->next_ms = sweep_ms(f) + f->config->reconcile_interval_ms;
	NEXT("The publishers look for such posts and put it in the queue until %s.",
	     when(f, story->next_ms, at));
	say_who_is_there(story, f);
}

static void
say_queue_away(struct story *story, const struct facts *f)
{
	const struct facts_file *open = story_open_file(f);

	WHERE("It is due. Whether a worker has it, or what it waits for, only the queue knows.");
	if (open != NULL)
		WHERE("DeviantArt was asked to publish it, and what became of that is not "
		      "known.");
	say_last_reason(story, f);
	NEXT("The publishers go on with it when Redis is back.");
}

/* ---- what waits in the queue ---- */

static void
say_waiting(struct story *story, const struct facts *f)
{
	if (f->job.ahead > 0)
		WHERE("Its job waits in the queue; %lld are taken before it.",
		      (long long)f->job.ahead);
	else
		WHERE("Its job is the next one in the queue.");
	say_crashes(story, f);
	if (f->queue.workers != 0)
		NEXT("A worker takes it as soon as one is free.");
	say_who_is_there(story, f);
}

static void
say_queue_paused(struct story *story, const struct facts *f)
{
	WHERE("Its job waits, for the queue is paused: no worker takes any job.");
	NEXT("It goes on when the queue is resumed.");
	ADVICE("Resume the queue. `isekai-publisher resume` does it.");
	say_who_is_there(story, f);
}

static void
say_queue_full(struct story *story, const struct facts *f)
{
	WHERE("Its job waits: the queue lets %lld jobs be at work at a time, and %lld are.",
	      (long long)f->queue.concurrency, (long long)f->queue.active);
	if (f->job.ahead > 0)
		WHERE("%lld are taken before it.", (long long)f->job.ahead);
	NEXT("A worker takes it when its turn comes.");
	say_who_is_there(story, f);
}

static void
say_queue_limited(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE];

	story->next_ms = f->now_ms + f->queue.limited_ms;
	WHERE("Its job waits: as many jobs were begun as the queue's rate limit allows.");
	NEXT("Jobs are begun again from %s.", when(f, story->next_ms, at));
	say_who_is_there(story, f);
}

static void
say_children(struct story *story, const struct facts *f)
{
	(void)f;
	WHERE("Its job waits for other jobs that somebody put under it.");
	NEXT("It goes on when they have ended.");
}

/* ---- what is at work ---- */

static void
say_log(struct story *story, const struct facts_job *job)
{
	char log[TEXT_SIZE];

	if (job->log[0] == '\0')
		return;
	words_clean(log, sizeof(log), job->log);
	WHERE("Its log says last: %s%s", log, full_stop(log));
}

static void
say_stage(struct story *story, const struct facts_job *job)
{
	if (job->stage[0] != '\0' && job->files > 1)
		WHERE("It is %s file %d of %d.", job->stage, job->file, job->files);
	else if (job->stage[0] != '\0')
		WHERE("It is %s.", job->stage);
	if (job->percent > 0 && job->percent < 100 && strcmp(job->stage, "uploading") == 0)
		WHERE("%d %% are sent.", job->percent);
	say_log(story, job);
}

static void
say_active(struct story *story, const struct facts *f)
{
	const struct facts_job *job = &f->job;
	int64_t since_ms = story_time(f, job->claimed_ms);
	char worker[200], span[WORDS_SPAN_SIZE], at[WORDS_WHEN_SIZE];

	words_clean(worker, sizeof(worker), job->worker);
	if (since_ms == FACTS_NONE)
		since_ms = f->now_ms;
	WHERE("%s%s has been at it for %s, attempt %lld of %lld.",
	      worker[0] != '\0' ? "Worker " : "A worker", worker,
	      words_span(f->now_ms - since_ms, span), (long long)job->attempts_made + 1,
	      (long long)job->max_attempts);
	say_stage(story, job);
	say_crashes(story, f);
	story->next_ms = since_ms + f->config->job_timeout_ms;
	NEXT("It is published, waits, or fails, until %s at the latest.",
	     when(f, story->next_ms, at));
}

static void
say_abandoned(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE];

	WHERE("Its job counts as at work, and nobody holds its lock: its worker is gone.");
	say_crashes(story, f);
	story->next_ms = f->now_ms + 2 * f->config->stale_check_interval_ms;
	NEXT("A publisher's check for such jobs puts it back until %s.",
	     when(f, story->next_ms, at));
	say_who_is_there(story, f);
}

/* ---- what waits until its time ---- */

static void
say_outcome_unknown(struct story *story, const struct facts *f)
{
	const struct facts_file *open = story_open_file(f);
	char at[WORDS_WHEN_SIZE];

	WHERE("DeviantArt was asked to publish it, and the answer was lost: it may be public.");
	if (open->publish_last_ms != FACTS_NONE)
		WHERE("It was asked last %s.", when(f, open->publish_last_ms, at));
	if (open->item_gone)
		WHERE("DeviantArt does not know the upload any more.");
	say_last_reason(story, f);
	NEXT("The artist's gallery is read, then the same upload is asked for again, never a new "
	     "one.");
	say_when_due(story, f);
	ADVICE("Do not publish it by hand meanwhile.");
}

static void
say_link_missing(struct story *story, const struct facts *f)
{
	const struct facts_file *open = story_open_file(f);
	char at[WORDS_WHEN_SIZE];

	WHERE("It is public, says DeviantArt; its link is not in the artist's gallery yet.");
	say_when_due(story, f);
	NEXT("After %s it is recorded without a link.",
	     when(f, open->public_since_ms + LINK_GIVEN_UP_MS, at));
}

static void
say_foreign_lock(struct story *story, const struct facts *f)
{
	int64_t until_ms = f->locked_ms + STORY_LOCK_RESPECTED_MS;
	char at[WORDS_WHEN_SIZE];

	WHERE("A worker that is none of this publisher's has had it since %s.",
	      when(f, f->locked_ms, at));
	NEXT("That is respected until %s; then a publisher takes it over.", when(f, until_ms, at));
	if (f->job.place == PLACE_DELAYED)
		say_when_due(story, f);
	else
		story->next_ms = until_ms;
}

static void
say_gate(struct story *story, const struct facts *f)
{
	say_last_reason(story, f);
	say_when_due(story, f);
	say_give_up(story, f);
}

static void
say_application_shut(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE];

	WHERE("DeviantArt refuses the whole application: nobody's posts go out until %s.",
	      when(f, story_time(f, f->gates.application_until_ms), at));
	if (f->gates.application_probing)
		WHERE("One post tries whether that is over.");
	say_gate(story, f);
}

static void
say_artist_shut(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE];

	WHERE("DeviantArt refused this artist %lld times in a row: the artist's posts are held "
	      "back until %s.",
	      (long long)f->gates.refusals, when(f, story_time(f, f->gates.circuit_until_ms), at));
	if (f->gates.circuit_probing)
		WHERE("One post tries whether that is over.");
	say_gate(story, f);
}

static void
say_asked_to_wait(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE];

	WHERE("DeviantArt has asked this artist's posts to wait until %s.",
	      when(f, story_time(f, f->gates.blocked_until_ms), at));
	say_gate(story, f);
}

static void
say_pace(struct story *story, const struct facts *f)
{
	char at[WORDS_WHEN_SIZE];

	WHERE("Posts of one artist go out one after the other; its place is at %s.",
	      when(f, story_time(f, f->gates.slot_ms), at));
	say_when_due(story, f);
}

static void
say_retry(struct story *story, const struct facts *f)
{
	const struct facts_step *last = story_last_wait(f);

	if (strcmp(last->step, "waits") == 0)
		WHERE("It has to wait; no attempt is used up by that.");
	else
		WHERE("An attempt failed: %lld of %lld are used up.",
		      (long long)f->job.attempts_made, (long long)f->job.max_attempts);
	say_last_reason(story, f);
	say_when_due(story, f);
	say_give_up(story, f);
}

static void
say_delayed(struct story *story, const struct facts *f)
{
	WHERE("Its job waits for its time.");
	say_log(story, &f->job);
	say_when_due(story, f);
}

/* ---- all of them ---- */

static saying *const sayings[STANDING_COUNT] = {
	[STANDING_PUBLISHED] = say_published,
	[STANDING_STASHED] = say_stashed,
	[STANDING_REVIEW] = say_review,
	[STANDING_DRAFT] = say_draft,
	[STANDING_LOGIN_DEAD] = say_login_dead,
	[STANDING_FAILED] = say_failed,
	[STANDING_NO_FILES] = say_no_files,
	[STANDING_NO_DATE] = say_no_date,
	[STANDING_SCHEDULED] = say_scheduled,
	[STANDING_NO_JOB] = say_no_job,
	[STANDING_WAITING] = say_waiting,
	[STANDING_QUEUE_PAUSED] = say_queue_paused,
	[STANDING_QUEUE_FULL] = say_queue_full,
	[STANDING_QUEUE_LIMITED] = say_queue_limited,
	[STANDING_ACTIVE] = say_active,
	[STANDING_ABANDONED] = say_abandoned,
	[STANDING_OUTCOME_UNKNOWN] = say_outcome_unknown,
	[STANDING_LINK_MISSING] = say_link_missing,
	[STANDING_FOREIGN_LOCK] = say_foreign_lock,
	[STANDING_APPLICATION_SHUT] = say_application_shut,
	[STANDING_ARTIST_SHUT] = say_artist_shut,
	[STANDING_ASKED_TO_WAIT] = say_asked_to_wait,
	[STANDING_PACE] = say_pace,
	[STANDING_RETRY] = say_retry,
	[STANDING_DELAYED] = say_delayed,
	[STANDING_CHILDREN] = say_children,
	[STANDING_QUEUE_AWAY] = say_queue_away,
	[STANDING_STRANGE] = say_strange,
};

void
story_standing(struct story *story, const struct facts *f)
{
	int64_t ahead_ms = f->queue.now_ms - f->now_ms;
	char span[WORDS_SPAN_SIZE];

	sayings[story->standing](story, f);
	if (!f->has_journal)
		WHERE("No publisher has been in this database yet.");
	if (f->job.place != PLACE_NOT_ASKED &&
	    (ahead_ms > STORY_SKEW_TOLD_MS || ahead_ms < -STORY_SKEW_TOLD_MS))
		ADVICE("Redis' clock is %s %s PostgreSQL's: set them right.",
		       words_span(ahead_ms, span), ahead_ms > 0 ? "ahead of" : "behind");
}

/*
 * standing.c - where a post stands.                                    [explain command]
 *
 * Pure. The order of the questions is that of a job's own way (job.c, publish.c): the row, the
 * queue, the row's lock, the gates.
 */
#include <string.h>

#include "worker/explain/story.h"
#include "worker/token.h"

static const char *const names[STANDING_COUNT] = {
	[STANDING_PUBLISHED] = "published",
	[STANDING_STASHED] = "stashed",
	[STANDING_REVIEW] = "review",
	[STANDING_DRAFT] = "draft",
	[STANDING_LOGIN_DEAD] = "login_dead",
	[STANDING_FAILED] = "failed",
	[STANDING_NO_FILES] = "no_files",
	[STANDING_NO_DATE] = "no_date",
	[STANDING_SCHEDULED] = "scheduled",
	[STANDING_NO_JOB] = "no_job",
	[STANDING_WAITING] = "waiting",
	[STANDING_QUEUE_PAUSED] = "queue_paused",
	[STANDING_QUEUE_FULL] = "queue_full",
	[STANDING_QUEUE_LIMITED] = "queue_limited",
	[STANDING_ACTIVE] = "active",
	[STANDING_ABANDONED] = "abandoned",
	[STANDING_OUTCOME_UNKNOWN] = "outcome_unknown",
	[STANDING_LINK_MISSING] = "link_missing",
	[STANDING_FOREIGN_LOCK] = "foreign_lock",
	[STANDING_APPLICATION_SHUT] = "application_shut",
	[STANDING_ARTIST_SHUT] = "artist_shut",
	[STANDING_ASKED_TO_WAIT] = "asked_to_wait",
	[STANDING_PACE] = "pace",
	[STANDING_RETRY] = "retry",
	[STANDING_DELAYED] = "delayed",
	[STANDING_CHILDREN] = "waiting_children",
	[STANDING_QUEUE_AWAY] = "queue_away",
	[STANDING_STRANGE] = "unknown_status",
};

const char *
standing_name(enum standing standing)
{
	return names[standing];
}

static bool
status_is(const struct facts *f, const char *status)
{
	return strcmp(f->status, status) == 0;
}

/* What pauses an artist's posts, and fails the one at hand, says so in these words. */
static bool
login_is_dead(const struct facts *f)
{
	return strncmp(f->error_message, token_dead_message, strlen(token_dead_message)) == 0;
}

/* ---- the gates ---- */

/* Which of them is shut; STANDING_DELAYED: none. The order is that of gates.lua. */
static enum standing
of_gates(const struct facts_gates *gates)
{
	if (gates->application_until_ms != FACTS_NONE)
		return STANDING_APPLICATION_SHUT;
	if (gates->circuit_until_ms != FACTS_NONE)
		return STANDING_ARTIST_SHUT;
	if (gates->blocked_until_ms != FACTS_NONE)
		return STANDING_ASKED_TO_WAIT;
	return gates->slot_ms != FACTS_NONE ? STANDING_PACE : STANDING_DELAYED;
}

/* Whether the claim that ended last left this step, so that it is why the job waits; a wait at a
 * gate leaves none. */
static bool
is_of_last_claim(const struct facts *f, const struct facts_step *step)
{
	int64_t ahead_ms = f->queue.now_ms - f->now_ms;

	return f->job.claimed_ms == FACTS_NONE || step->at_ms >= f->job.claimed_ms - ahead_ms;
}

static enum standing
of_wait(const struct facts *f)
{
	const struct facts_step *last = story_last_wait(f);
	enum standing gate = of_gates(&f->gates);
	bool refused;

	if (last == NULL)
		return gate;
	/* Only a refusal of DeviantArt's, or an outage, is told to the artist as a wait. */
	refused = strcmp(last->step, "waits") == 0 && strcmp(last->detail, f->error_message) == 0;
	if (is_of_last_claim(f, last) && !refused)
		return STANDING_RETRY;
	return gate == STANDING_DELAYED ? STANDING_RETRY : gate;
}

/* ---- the queue ---- */

static enum standing
of_ready_job(const struct facts *f)
{
	if (f->queue.paused)
		return STANDING_QUEUE_PAUSED;
	if (f->queue.limited_ms > 0)
		return STANDING_QUEUE_LIMITED;
	if (f->queue.concurrency >= 0 && f->queue.active >= f->queue.concurrency)
		return STANDING_QUEUE_FULL;
	return STANDING_WAITING;
}

static enum standing
of_delayed_job(const struct facts *f)
{
	const struct facts_file *open = story_open_file(f);

	if (f->job.due_ms <= f->queue.now_ms)
		return of_ready_job(f);
	if (open != NULL)
		return open->public_since_ms != FACTS_NONE ? STANDING_LINK_MISSING
							   : STANDING_OUTCOME_UNKNOWN;
	return story_lock_is_foreign(f) ? STANDING_FOREIGN_LOCK : of_wait(f);
}

static enum standing
of_job(const struct facts *f)
{
	switch (f->job.place) {
	case PLACE_NOT_ASKED:
		return STANDING_QUEUE_AWAY;
	case PLACE_ACTIVE:
		return f->job.lock[0] != '\0' ? STANDING_ACTIVE : STANDING_ABANDONED;
	case PLACE_WAIT:
	case PLACE_PAUSED:
	case PLACE_PRIORITIZED:
		return of_ready_job(f);
	case PLACE_DELAYED:
		return of_delayed_job(f);
	case PLACE_CHILDREN:
		return STANDING_CHILDREN;
	case PLACE_MISSING:
	case PLACE_NOWHERE:
	case PLACE_COMPLETED:
	case PLACE_FAILED:
	case PLACE_COUNT:
		break;
	}
	return story_lock_is_foreign(f) ? STANDING_FOREIGN_LOCK : STANDING_NO_JOB;
}

/* ---- the row ---- */

/* Not by `failed` alone: one that is retried by hand has a job that runs. */
static bool
is_over(const struct facts *f)
{
	return status_is(f, "failed") && !facts_job_lives(f);
}

static bool
is_open(const struct facts *f)
{
	return status_is(f, "scheduled") || status_is(f, "uploading") ||
	       status_is(f, "publishing") || status_is(f, "failed");
}

enum standing
standing_of(const struct facts *f)
{
	if (status_is(f, "published"))
		return f->stash_only ? STANDING_STASHED : STANDING_PUBLISHED;
	if (status_is(f, "draft") && login_is_dead(f))
		return STANDING_LOGIN_DEAD;
	if (status_is(f, "draft"))
		return STANDING_DRAFT;
	if (status_is(f, "review"))
		return STANDING_REVIEW;
	if (!is_open(f))
		return STANDING_STRANGE;
	if (is_over(f))
		return login_is_dead(f) ? STANDING_LOGIN_DEAD : STANDING_FAILED;
	if (f->file_count == 0)
		return STANDING_NO_FILES;
	if (status_is(f, "scheduled") && f->due_ms != FACTS_NONE && f->due_ms > f->now_ms)
		return STANDING_SCHEDULED;
	if (status_is(f, "scheduled") && f->due_ms == FACTS_NONE &&
	    f->job.place != PLACE_NOT_ASKED && !facts_job_lives(f))
		return STANDING_NO_DATE;
	return of_job(f);
}

/*
 * past.c - what happened to a post, in order.                          [explain command]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/explain/story.h"
#include "worker/explain/words.h"
#include "worker/journal.h"
#include "worker/producer.h"

#define TEXT_SIZE 700
#define WAIT_SIZE 240

/* What the journal's steps mean (publisher.steps, written by sql/). */
static const struct step_words {
	const char *step, *words;
	bool is_wait, is_end;
} step_words[] = {
	{"due at once", "it was asked for at once, before its date", false, false},
	{"retried by hand", "it was put to work again by hand", false, false},
	{"uploaded", "uploaded to Sta.sh", false, false},
	{"publishing", "DeviantArt was asked to publish it", false, false},
	{"published", "published", false, true},
	{"published_now", "DeviantArt was asked once more and published it", false, true},
	{"no_link", "it is public, and its link was not found in time", false, true},
	{"recorded", "it was out already, and the row was put right", false, true},
	{"stashed", "it is in Sta.sh, and is not to be published", false, true},
	{"attempt failed", "an attempt failed", true, false},
	{"waits", "it had to wait", true, false},
	{"failed", "it failed for good", false, false},
	{"taken back", "its artist had taken it back, and nothing was done", false, false},
	{"paused", "it became a draft", false, false},
	{"already published", "it turned out to be published already", false, false},
	{"item gone", "DeviantArt does not know the upload any more", false, false},
	{"gallery unreadable", "its artist's gallery could not be read", false, false},
	{"another post of this title", "another post of this title is as unsettled as this one",
	 false, false},
};

static const struct step_words *
words_of(const char *step)
{
	for (size_t i = 0; i < sizeof(step_words) / sizeof(step_words[0]); i++) {
		if (strcmp(step, step_words[i].step) == 0)
			return &step_words[i];
	}
	return NULL;
}

/* ---- the trail ---- */

static bool
same_step(const struct facts_step *a, const struct facts_step *b)
{
	return strcmp(a->step, b->step) == 0 && strcmp(a->detail, b->detail) == 0;
}

/* How many steps from this one on say the same: a gallery that is read again and again. */
static size_t
repeats(const struct facts *f, size_t at)
{
	size_t count = 1;

	while (at + count < f->steps_count && same_step(&f->steps[at], &f->steps[at + count]))
		count++;
	return count;
}

/* How often it was so, and how long a wait was: what is known beside a step itself. */
static void
describe_wait(const struct facts *f, size_t at, size_t count, bool is_wait, char out[WAIT_SIZE])
{
	int64_t last_ms = f->steps[at + count - 1].at_ms, next_ms = FACTS_NONE;
	char span[WORDS_SPAN_SIZE], iso[WORDS_WHEN_SIZE], often[160] = "";

	if (count > 1)
		snprintf(often, sizeof(often), " (%zu times, the last %s)", count,
			 words_when(last_ms, f->now_ms, iso));
	if (at + count < f->steps_count)
		next_ms = f->steps[at + count].at_ms;
	if (is_wait && next_ms != FACTS_NONE)
		snprintf(out, WAIT_SIZE, "%s; its next step came %s later", often,
			 words_span(next_ms - last_ms, span));
	else
		snprintf(out, WAIT_SIZE, "%s", often);
}

static void
tell_step(struct story *story, const struct facts *f, size_t at, size_t count)
{
	const struct facts_step *step = &f->steps[at];
	const struct step_words *words = words_of(step->step);
	char name[100], detail[TEXT_SIZE], more[WAIT_SIZE];

	describe_wait(f, at, count, words != NULL && words->is_wait, more);
	words_clean(name, sizeof(name), words != NULL ? words->words : step->step);
	words_clean(detail, sizeof(detail), step->detail);
	story_event(story, step->at_ms, "%s%s%s%s", name, detail[0] != '\0' ? ": " : "", detail,
		    more);
}

static void
tell_trail(struct story *story, const struct facts *f)
{
	for (size_t i = 0, count; i < f->steps_count; i += count) {
		count = repeats(f, i);
		tell_step(story, f, i, count);
	}
}

/* ---- row and job ---- */

static bool
trail_has_end(const struct facts *f)
{
	for (size_t i = 0; i < f->steps_count; i++) {
		const struct step_words *words = words_of(f->steps[i].step);

		if (words != NULL && words->is_end)
			return true;
	}
	return false;
}

static void
tell_row(struct story *story, const struct facts *f)
{
	bool early = f->published_ms != FACTS_NONE && f->due_ms > f->published_ms;
	char url[TEXT_SIZE];

	if (f->due_ms != FACTS_NONE && f->due_ms <= f->now_ms && !early)
		story_event(story, f->due_ms, "it was due");
	if (strcmp(f->status, "published") != 0 || f->published_ms == FACTS_NONE ||
	    trail_has_end(f))
		return;
	words_clean(url, sizeof(url), f->url);
	story_event(story, f->published_ms, "published%s%s, by a worker that keeps no journal",
		    url[0] != '\0' ? ": " : "", url);
}

/* Our own locks say when they were taken, which the queue says, too, where it was asked. */
static void
tell_lock(struct story *story, const struct facts *f)
{
	const size_t prefix_size = strlen(JOURNAL_LOCK_PREFIX);

	if (f->lock[0] == '\0' || f->locked_ms == FACTS_NONE)
		return;
	if (strncmp(f->lock, JOURNAL_LOCK_PREFIX, prefix_size) != 0)
		story_event(story, f->locked_ms,
			    "a worker that is none of this publisher's took it");
	else if (f->job.claimed_ms == FACTS_NONE)
		story_event(story, strtoll(f->lock + prefix_size, NULL, 10), "a publisher took it");
}

static void
tell_job(struct story *story, const struct facts *f)
{
	const struct facts_job *job = &f->job;
	char worker[200];

	words_clean(worker, sizeof(worker), job->worker);
	if (job->added_ms != FACTS_NONE)
		story_event(story, story_time(f, job->added_ms), "its job was added to the queue%s",
			    job->priority == PRODUCER_RECOVERY_PRIORITY
				    ? ", by a publisher that had found it without one"
				    : "");
	if (job->claimed_ms != FACTS_NONE)
		story_event(story, story_time(f, job->claimed_ms), "%s%s took it (start %lld)",
			    worker[0] != '\0' ? "worker " : "a worker", worker,
			    (long long)job->started);
}

static void
tell_job_end(struct story *story, const struct facts *f)
{
	const struct facts_job *job = &f->job;
	char reason[TEXT_SIZE];

	if (job->finished_ms == FACTS_NONE)
		return;
	words_clean(reason, sizeof(reason), job->failed_reason);
	if (job->place == PLACE_COMPLETED)
		story_event(story, story_time(f, job->finished_ms), "its job was completed");
	else if (job->place == PLACE_FAILED)
		story_event(story, story_time(f, job->finished_ms), "its job failed: %s", reason);
}

/* What comes in one millisecond stands in the order in which it is told here. */
void
story_past(struct story *story, const struct facts *f)
{
	tell_row(story, f);
	tell_job(story, f);
	tell_lock(story, f);
	tell_trail(story, f);
	tell_job_end(story, f);
}

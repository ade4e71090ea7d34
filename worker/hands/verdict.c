/*
 * verdict.c - what may be done with a post by hand, and in which words. [commands]
 *
 * Pure. The first question that has an answer decides.
 */
#include "worker/hands/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "worker/explain/words.h"

static bool
is(const char *text, const char *word)
{
	return strcmp(text, word) == 0;
}

bool
verdict_job_lives(const char *state)
{
	return !(is(state, "failed") || is(state, "completed") || is(state, "missing") ||
		 is(state, "unknown"));
}

/* A job in hand is read before it is told to the queue that it ended: the row is ahead of it. */
static bool
is_ending(const struct verdict_post *post)
{
	return is(post->status, "failed") && is(post->state, "active");
}

enum verdict
verdict_of(const struct verdict_post *post)
{
	if (is(post->status, "published"))
		return VERDICT_PUBLISHED;
	if (is_ending(post))
		return VERDICT_ENDING;
	if (verdict_job_lives(post->state))
		return VERDICT_WAITS;
	if (!(is(post->status, "failed") || is(post->status, "scheduled") ||
	      is(post->status, "uploading") || is(post->status, "publishing")))
		return VERDICT_NOT_SCHEDULED;
	if (post->files == 0)
		return VERDICT_NO_FILES;
	if (post->unknown)
		return VERDICT_UNKNOWN;
	if (post->locked)
		return VERDICT_LOCKED;
	return post->login_dead ? VERDICT_LOGIN_DEAD : VERDICT_GO;
}

bool
verdict_refuses(enum verdict verdict)
{
	return verdict >= VERDICT_ENDING;
}

const char *
verdict_name(enum verdict verdict)
{
	static const char *const names[VERDICT_COUNT] = {
		[VERDICT_GO] = "retried",
		[VERDICT_WAITS] = "waits",
		[VERDICT_ENDING] = "ending",
		[VERDICT_PUBLISHED] = "published",
		[VERDICT_NOT_SCHEDULED] = "not_scheduled",
		[VERDICT_NO_FILES] = "no_files",
		[VERDICT_UNKNOWN] = "outcome_unknown",
		[VERDICT_LOGIN_DEAD] = "login_dead",
		[VERDICT_LOCKED] = "locked",
	};

	return verdict < VERDICT_COUNT ? names[verdict] : "unknown";
}

/* ---- words ---- */

static void
say_go(const struct verdict_post *post, char out[VERDICT_TEXT_SIZE])
{
	bool later = is(post->status, "scheduled") && post->due_in_ms > 0;
	char when[WORDS_WHEN_SIZE];

	if (later)
		snprintf(out, VERDICT_TEXT_SIZE,
			 "is not due yet: its job was %s, and is in the queue for %s", post->state,
			 words_when(post->now_ms + post->due_in_ms, post->now_ms, when));
	else if (is(post->state, "failed"))
		snprintf(out, VERDICT_TEXT_SIZE,
			 "is tried again: its failed job is back in the queue");
	else
		snprintf(out, VERDICT_TEXT_SIZE,
			 "is tried again: its job was %s, and is in the queue anew", post->state);
}

static void
say_waits(const struct verdict_post *post, char out[VERDICT_TEXT_SIZE])
{
	char when[WORDS_WHEN_SIZE];

	if (is(post->state, "active"))
		snprintf(out, VERDICT_TEXT_SIZE, "is in work at this moment; nothing was changed");
	else if (is(post->state, "delayed"))
		snprintf(out, VERDICT_TEXT_SIZE,
			 "waits already, its job comes %s%s; nothing was changed",
			 words_when(post->job_due_ms, post->now_ms, when),
			 post->unknown ? ", and then it is found out whether it is public" : "");
	else
		snprintf(out, VERDICT_TEXT_SIZE,
			 "waits already, its job is in the queue; nothing was changed");
}

static void
say_unknown(const struct verdict_post *post, char out[VERDICT_TEXT_SIZE])
{
	static const char lost[] = "may be public: DeviantArt was asked to publish it, and the "
				   "answer was lost";

	if (is(post->status, "failed"))
		snprintf(out, VERDICT_TEXT_SIZE,
			 "%s. Its artist has to look at the gallery first, and to schedule it "
			 "again where it is not there",
			 lost);
	else
		snprintf(out, VERDICT_TEXT_SIZE,
			 "%s. A publisher finds out by itself what became of it; \"explain\" tells "
			 "how far it is",
			 lost);
}

const char *
verdict_words(enum verdict verdict, const struct verdict_post *post, char out[VERDICT_TEXT_SIZE])
{
	out[0] = '\0';
	switch (verdict) {
	case VERDICT_GO:
		say_go(post, out);
		break;
	case VERDICT_WAITS:
		say_waits(post, out);
		break;
	case VERDICT_ENDING:
		snprintf(out, VERDICT_TEXT_SIZE,
			 "is failing at this moment: ask again when its job has ended");
		break;
	case VERDICT_PUBLISHED:
		snprintf(out, VERDICT_TEXT_SIZE, "is published already%s%s",
			 post->url[0] != '\0' ? ": " : "", post->url);
		break;
	case VERDICT_NOT_SCHEDULED:
		snprintf(out, VERDICT_TEXT_SIZE, "is %s: its artist has to schedule it first",
			 is(post->status, "review") ? "in review"
			 : is(post->status, "draft")
				 ? "a draft"
				 : "in a state that this publisher does not know");
		break;
	case VERDICT_NO_FILES:
		snprintf(out, VERDICT_TEXT_SIZE, "has no files: there is nothing to publish");
		break;
	case VERDICT_UNKNOWN:
		say_unknown(post, out);
		break;
	case VERDICT_LOGIN_DEAD:
		snprintf(out, VERDICT_TEXT_SIZE,
			 "cannot be published: DeviantArt refuses its artist's login. He has to "
			 "connect his account again first");
		break;
	case VERDICT_LOCKED:
		snprintf(out, VERDICT_TEXT_SIZE,
			 "is locked by somebody who is no publisher of ours: ask again in half an "
			 "hour, when the lock is stale");
		break;
	case VERDICT_COUNT:
		break;
	}
	return out;
}

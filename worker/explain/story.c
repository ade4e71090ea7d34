/*
 * story.c - facts made into words.                                     [explain command]
 */
#include "worker/explain/story.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/explain/words.h"
#include "worker/journal.h"

/* Clocks that are read a moment apart always differ a little. */
#define SKEW_IGNORED_MS 1000

bool
story_tell(struct story *story, const struct facts *facts)
{
	*story = (struct story){.next_ms = FACTS_NONE};
	story->standing = standing_of(facts);
	story_past(story, facts);
	story_standing(story, facts);
	return !story->no_memory;
}

void
story_free(struct story *story)
{
	for (size_t i = 0; i < story->count; i++)
		free(story->events[i].text);
	free(story->events);
	free(story->where);
	free(story->next);
	free(story->advice);
	*story = (struct story){.next_ms = FACTS_NONE};
}

/* ---- putting it together ---- */

void
story_event(struct story *story, int64_t at_ms, const char *format, ...)
{
	struct story_event *events =
		realloc(story->events, (story->count + 1) * sizeof(*story->events));
	size_t at = story->count;
	char *text;
	va_list args;

	if (events == NULL) {
		story->no_memory = true;
		return;
	}
	story->events = events;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		story->no_memory = true;
	}
	va_end(args);
	if (text == NULL)
		return;
	for (; at > 0 && events[at - 1].at_ms > at_ms; at--)
		events[at] = events[at - 1];
	events[at] = (struct story_event){.at_ms = at_ms, .text = text};
	story->count++;
}

void
story_say(struct story *story, char **to, const char *format, ...)
{
	char *sentence, *both;
	va_list args;
	int size;

	va_start(args, format);
	size = vasprintf(&sentence, format, args);
	va_end(args);
	if (size < 0) {
		story->no_memory = true;
		return;
	}
	if (*to == NULL) {
		*to = sentence;
		return;
	}
	if (asprintf(&both, "%s %s", *to, sentence) < 0) {
		story->no_memory = true;
	} else {
		free(*to);
		*to = both;
	}
	free(sentence);
}

/* ---- what several of them ask ---- */

int64_t
story_time(const struct facts *facts, int64_t redis_ms)
{
	int64_t ahead_ms = facts->queue.now_ms - facts->now_ms;

	if (redis_ms == FACTS_NONE || (ahead_ms <= SKEW_IGNORED_MS && ahead_ms >= -SKEW_IGNORED_MS))
		return redis_ms;
	return redis_ms - ahead_ms;
}

bool
story_lock_is_foreign(const struct facts *facts)
{
	return facts->lock[0] != '\0' &&
	       strncmp(facts->lock, JOURNAL_LOCK_PREFIX, strlen(JOURNAL_LOCK_PREFIX)) != 0 &&
	       facts->locked_ms != FACTS_NONE &&
	       facts->locked_ms + STORY_LOCK_RESPECTED_MS > facts->now_ms;
}

const struct facts_file *
story_open_file(const struct facts *facts)
{
	for (size_t i = 0; i < facts->files_count; i++) {
		if (strcmp(facts->files[i].state, "publishing") == 0)
			return &facts->files[i];
	}
	return NULL;
}

const struct facts_step *
story_last_wait(const struct facts *facts)
{
	const struct facts_step *last =
		facts->steps_count > 0 ? &facts->steps[facts->steps_count - 1] : NULL;

	if (last == NULL ||
	    (strcmp(last->step, "waits") != 0 && strcmp(last->step, "attempt failed") != 0))
		return NULL;
	return last;
}

/*
 * suspicions.c - what looks wrong, until it has stayed wrong.          [verify command]
 */
#include "worker/verify/suspicions.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_MS 500
#define MOST_PAUSE_MS  8000
#define LEAST_PAUSE_MS 50
#define MOST_MOVES     4

void
suspicions_init(struct suspicions *s)
{
	memset(s, 0, sizeof(*s));
}

static void
clear(struct suspicion *one)
{
	free(one->id);
	free(one->evidence);
	free(one->text);
}

void
suspicions_free(struct suspicions *s)
{
	for (size_t i = 0; i < s->count; i++)
		clear(&s->list[i]);
	free(s->list);
	memset(s, 0, sizeof(*s));
}

void
suspicions_begin(struct suspicions *s, enum examiner examiner, bool first)
{
	s->first = first;
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].examiner == examiner)
			s->list[i].seen = false;
}

static struct suspicion *
find(const struct suspicions *s, enum examiner examiner, enum check check, const char *id)
{
	for (size_t i = 0; i < s->count; i++) {
		struct suspicion *one = &s->list[i];

		if (one->check == check && one->examiner == examiner && strcmp(one->id, id) == 0)
			return one;
	}
	return NULL;
}

static bool
replace(char **text, const char *by)
{
	char *copy = strdup(by);

	if (copy == NULL)
		return false;
	free(*text);
	*text = copy;
	return true;
}

/* Room for one more; NULL: out of memory. */
static struct suspicion *
append(struct suspicions *s)
{
	if (s->count == s->capacity) {
		size_t capacity = s->capacity > 0 ? 2 * s->capacity : 64;
		struct suspicion *list = realloc(s->list, capacity * sizeof(*list));

		if (list == NULL)
			return NULL;
		s->list = list;
		s->capacity = capacity;
	}
	memset(&s->list[s->count], 0, sizeof(s->list[s->count]));
	return &s->list[s->count];
}

static void
add_new(struct suspicions *s, const struct sighting *sighting, int64_t now_ms)
{
	struct suspicion *one;

	if (s->count >= SUSPICIONS_MAX) {
		s->beyond[sighting->check]++;
		return;
	}
	one = append(s);
	if (one == NULL) {
		s->no_memory = true;
		return;
	}
	one->examiner = sighting->examiner;
	one->check = sighting->check;
	one->id = strdup(sighting->id);
	one->evidence = strdup(sighting->evidence);
	one->text = strdup(sighting->text);
	one->since_ms = now_ms;
	one->settle_ms = sighting->settle_ms;
	one->looks = 1;
	one->seen = true;
	if (one->id == NULL || one->evidence == NULL || one->text == NULL) {
		s->no_memory = true;
		clear(one);
		return;
	}
	s->count++;
}

static void
see_again(struct suspicions *s, struct suspicion *one, const struct sighting *sighting,
	  int64_t now_ms)
{
	bool moved = strcmp(one->evidence, sighting->evidence) != 0;

	if (one->seen || one->confirmed)
		return;
	one->seen = true;
	one->looks++;
	if (moved) {
		one->since_ms = now_ms;
		one->looks = 1;
		one->moves++;
	}
	if (!replace(&one->text, sighting->text) ||
	    (moved && !replace(&one->evidence, sighting->evidence)))
		s->no_memory = true;
}

void
suspicions_add(struct suspicions *s, const struct sighting *sighting, int64_t now_ms)
{
	struct suspicion *known = find(s, sighting->examiner, sighting->check, sighting->id);

	if (known != NULL)
		see_again(s, known, sighting, now_ms);
	else if (s->first) /* later ones are the business of the command's next run */
		add_new(s, sighting, now_ms);
}

void
suspicions_end(struct suspicions *s, enum examiner examiner, int64_t now_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct suspicion *one = &s->list[i];

		if (one->examiner == examiner && !one->confirmed) {
			if (one->seen && one->moves > MOST_MOVES)
				s->moving++;
			if (!one->seen || one->moves > MOST_MOVES) {
				clear(one);
				continue;
			}
			one->confirmed = one->looks > 1 && now_ms - one->since_ms >= one->settle_ms;
		}
		if (kept != i)
			s->list[kept] = *one;
		kept++;
	}
	s->count = kept;
}

size_t
suspicions_open_of(const struct suspicions *s, enum examiner examiner)
{
	size_t open = 0;

	for (size_t i = 0; i < s->count; i++)
		open += !s->list[i].confirmed && s->list[i].examiner == examiner;
	return open;
}

size_t
suspicions_open(const struct suspicions *s)
{
	return s->count - suspicions_confirmed(s);
}

size_t
suspicions_confirmed(const struct suspicions *s)
{
	size_t confirmed = 0;

	for (size_t i = 0; i < s->count; i++)
		confirmed += s->list[i].confirmed;
	return confirmed;
}

size_t
suspicions_ids(const struct suspicions *s, enum examiner examiner, const char **ids, size_t most)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count && count < most; i++) {
		const struct suspicion *one = &s->list[i];
		bool known = false;

		if (one->confirmed || one->examiner != examiner)
			continue;
		for (size_t j = 0; j < count && !known; j++)
			known = strcmp(ids[j], one->id) == 0;
		if (!known)
			ids[count++] = one->id;
	}
	return count;
}

int64_t
suspicions_pause_ms(const struct suspicions *s, int round, int64_t now_ms)
{
	int64_t pause_ms = MOST_PAUSE_MS;

	if (round <= 4)
		pause_ms = (int64_t)FIRST_PAUSE_MS << (round - 1);
	for (size_t i = 0; i < s->count; i++) {
		int64_t left_ms = s->list[i].since_ms + s->list[i].settle_ms - now_ms;

		if (!s->list[i].confirmed && left_ms < pause_ms)
			pause_ms = left_ms;
	}
	return pause_ms > LEAST_PAUSE_MS ? pause_ms : LEAST_PAUSE_MS;
}

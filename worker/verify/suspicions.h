#ifndef WORKER_VERIFY_SUSPICIONS_H
#define WORKER_VERIFY_SUSPICIONS_H
/*
 * suspicions.h - what looks wrong, until it has stayed wrong.          [verify command]
 *
 * On a living system things move while they are read, so nothing is believed at first sight. A look
 * is begun, adds what it sees, and is ended: what was suspected before and is not seen any more is
 * dropped; what is seen with other evidence begins anew (somebody is at it); what was seen twice or
 * more with the same evidence for as long as its check allows is confirmed. Pure: the clock is the
 * caller's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/verify/checks.h"

/* More are counted, and not looked at again. */
#define SUSPICIONS_MAX 4000

struct suspicion {
	enum examiner examiner;
	enum check check;
	char *id;
	char *evidence; /* what must stay the same */
	char *text;     /* for people */
	int64_t since_ms, settle_ms;
	int looks, moves;
	bool seen, confirmed;
};

struct suspicions {
	struct suspicion *list;
	size_t count, capacity;
	size_t beyond[CHECK_COUNT]; /* first sightings that there was no room for */
	size_t moving;              /* dropped: their evidence changed again and again */
	bool first;                 /* the first look: the only one that adds new ones */
	bool no_memory;
};

void suspicions_init(struct suspicions *s);
void suspicions_free(struct suspicions *s);

void suspicions_begin(struct suspicions *s, enum examiner examiner, bool first);

struct sighting {
	enum examiner examiner;
	enum check check;
	const char *id;
	int64_t settle_ms; /* how long it must stay so; at least a second look in any case */
	const char *evidence;
	const char *text;
};

/* Texts are copied. What is said twice in one look is one suspicion. */
void suspicions_add(struct suspicions *s, const struct sighting *sighting, int64_t now_ms);
void suspicions_end(struct suspicions *s, enum examiner examiner, int64_t now_ms);

/* How many of them wait for another look; of one examiner. */
size_t suspicions_open(const struct suspicions *s);
size_t suspicions_open_of(const struct suspicions *s, enum examiner examiner);
/* Ids of an examiner's open ones into ids[], at most `most`; each once. They belong to s. */
size_t suspicions_ids(const struct suspicions *s, enum examiner examiner, const char **ids,
		      size_t most);

/* The pause before look `round` (1, 2, ...): growing, but no longer than the first of them needs to
 * be settled. */
int64_t suspicions_pause_ms(const struct suspicions *s, int round, int64_t now_ms);

size_t suspicions_confirmed(const struct suspicions *s);

#endif

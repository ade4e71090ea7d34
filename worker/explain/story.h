#ifndef WORKER_EXPLAIN_STORY_H
#define WORKER_EXPLAIN_STORY_H
/*
 * story.h - facts made into words: what happened, where it stands, what comes next.   [explain
 * command]
 *
 * Pure. past.c tells what happened, standing.c decides where it stands, saying.c says it. Texts of
 * others are made harmless as they are taken in.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/explain/facts.h"

/* Why a post is not out yet, or that it is. */
enum standing {
	STANDING_PUBLISHED,
	STANDING_STASHED,
	STANDING_REVIEW,
	STANDING_DRAFT,
	STANDING_LOGIN_DEAD, /* only its artist can mend it */
	STANDING_FAILED,
	STANDING_NO_FILES,
	STANDING_NO_DATE,
	STANDING_SCHEDULED, /* not due yet */
	STANDING_NO_JOB,    /* due, and nothing in the queue would publish it */
	STANDING_WAITING,   /* its job is ready */
	STANDING_QUEUE_PAUSED,
	STANDING_QUEUE_FULL,    /* the queue's concurrency */
	STANDING_QUEUE_LIMITED, /* the queue's rate limit */
	STANDING_ACTIVE,
	STANDING_ABANDONED,       /* active, and nobody holds its lock */
	STANDING_OUTCOME_UNKNOWN, /* DeviantArt's answer to the publish was lost */
	STANDING_LINK_MISSING,    /* public, its link not found yet */
	STANDING_FOREIGN_LOCK,    /* somebody else's worker has the row */
	STANDING_APPLICATION_SHUT,
	STANDING_ARTIST_SHUT,
	STANDING_ASKED_TO_WAIT,
	STANDING_PACE,
	STANDING_RETRY,   /* after a failure, or a server that was away */
	STANDING_DELAYED, /* until its job is due, for a reason that is not known */
	STANDING_CHILDREN,
	STANDING_QUEUE_AWAY, /* Redis could not be asked */
	STANDING_STRANGE,    /* a status that this program does not know */
	STANDING_COUNT
};

/* "published", "asked_to_wait", ...: for machines. */
const char *standing_name(enum standing standing);
enum standing standing_of(const struct facts *facts);

struct story_event {
	int64_t at_ms;
	char *text;
};

struct story {
	struct story_event *events; /* in order */
	size_t count;
	enum standing standing;
	char *where, *next, *advice; /* sentences; NULL: there is nothing to say */
	int64_t next_ms;             /* when that is; FACTS_NONE: nobody can tell */
	bool no_memory;              /* something is missing */
};

/* False: out of memory. The caller calls story_free() in either case. */
bool story_tell(struct story *story, const struct facts *facts);
void story_free(struct story *story);

/* ---- for past.c and saying.c ---- */

void story_past(struct story *story, const struct facts *facts);
void story_standing(struct story *story, const struct facts *facts);

/* What happened; its place is by its time, behind what has the same. */
void story_event(struct story *story, int64_t at_ms, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* One more sentence of where, next or advice. */
void story_say(struct story *story, char **to, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A time of Redis' by PostgreSQL's clock, where the two differ so much that it matters. */
int64_t story_time(const struct facts *facts, int64_t redis_ms);
/* Whether the row is locked by somebody else's worker, and that lock is respected still. */
bool story_lock_is_foreign(const struct facts *facts);
/* The file whose publish has an unknown outcome; NULL: none. */
const struct facts_file *story_open_file(const struct facts *facts);
/* Why it waits as the trail has it: the last step, if it is one of a wait; NULL: it is not. */
const struct facts_step *story_last_wait(const struct facts *facts);

#define STORY_LOCK_RESPECTED_MS (30 * 60 * 1000) /* begin.sql */
#define STORY_SKEW_TOLD_MS      5000

#endif

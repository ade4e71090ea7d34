#ifndef WORKER_EXPLAIN_FACTS_H
#define WORKER_EXPLAIN_FACTS_H
/*
 * facts.h - all that is known of one deviation, as plain data.         [explain command]
 *
 * Texts are borrowed and never NULL but where that is said. Times are Unix time in ms by the clock
 * of the server that told them; FACTS_NONE: there is none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"

#define FACTS_NONE INT64_MIN

/* Where its job is. The order is that of the names in facts.c. */
enum facts_place {
	PLACE_NOT_ASKED, /* Redis is away */
	PLACE_MISSING,
	PLACE_NOWHERE, /* a hash, in no list or set */
	PLACE_WAIT,
	PLACE_PAUSED, /* the list of a queue that BullMQ 4 or 5 has paused */
	PLACE_PRIORITIZED,
	PLACE_DELAYED,
	PLACE_ACTIVE,
	PLACE_COMPLETED,
	PLACE_FAILED,
	PLACE_CHILDREN, /* it waits for jobs that were put under it */
	PLACE_COUNT
};

/* A file, and what the journal knows of it. */
struct facts_file {
	const char *id, *name;
	const char *state;       /* "", "submitted", "publishing", "published" */
	const char *url;         /* "": none */
	int64_t publish_last_ms; /* the last time DeviantArt was asked to publish it */
	int64_t public_since_ms; /* known to be public, its link still missing */
	int64_t asks, looks;
	bool item_gone;
};

struct facts_step {
	int64_t at_ms;
	const char *step, *detail;
};

struct facts_job {
	enum facts_place place;
	int64_t due_ms; /* of a delayed one */
	int64_t ahead;  /* how many are taken before it; -1: it does not wait */
	int64_t added_ms, claimed_ms, finished_ms;
	int64_t priority, started; /* how often it was claimed */
	int64_t attempts_made, max_attempts;
	const char *worker, *failed_reason, *log; /* "": not known; the last row of its log */
	const char *lock;                         /* token; "": none */
	int64_t lock_ms;                          /* the lock's life */
	const char *stage;                        /* its progress: "uploading" ...; "": none */
	int percent;                              /* -1: not known */
	int file, files;                          /* 0: not known */
};

struct facts_queue {
	const char *problem; /* why it could not be asked; "": it was */
	int64_t now_ms;      /* Redis' clock */
	bool paused;
	int64_t concurrency, active; /* -1: no limit */
	int64_t limited_ms;          /* its rate limit is shut for so long; 0: open */
	int workers;                 /* connected; -1: Redis does not tell */
};

/* The gates before DeviantArt (gates.h), by Redis' clock. */
struct facts_gates {
	int64_t blocked_until_ms; /* DeviantArt asked this artist to wait */
	int64_t slot_ms;          /* this post's place in its artist's line */
	int64_t circuit_until_ms, application_until_ms;
	bool circuit_probing, application_probing; /* one post tries whether it is open again */
	bool circuit_closed, application_closed;   /* false and no time: the next post tries it */
	int64_t refusals;                          /* of this artist's, in a row */
	int64_t delay_ms; /* from one of this artist's files to the next; FACTS_NONE: the base */
};

struct facts {
	const struct config *config;
	int64_t now_ms; /* PostgreSQL's clock */

	/* the row */
	const char *id, *user_id, *artist; /* artist "": gone */
	const char *title, *status, *error_message, *lock, *url;
	bool stash_only, multiple;
	int64_t due_ms, published_ms, updated_ms, locked_ms;
	int64_t file_count;

	/* the journal */
	bool has_journal; /* false: no publisher has been in this database */
	const struct facts_file *files;
	size_t files_count; /* 0 without a journal */
	const struct facts_step *steps;
	size_t steps_count;
	int64_t crashes;          /* workers in a row that died at it */
	int64_t first_refused_ms; /* since when DeviantArt refuses it, or is away */

	struct facts_job job;
	struct facts_queue queue;
	struct facts_gates gates;
};

/* "delayed", "active", ... "not asked". */
const char *facts_place_name(enum facts_place place);
/* Of the name that lua/explain.lua gives; PLACE_NOWHERE for another one. */
enum facts_place facts_place_of(const char *name);

/* Whether the job will still run. */
bool facts_job_lives(const struct facts *facts);
/* Whether a row that is due and a job that will not run may be two moments of one change: the row
 * is written before the job moves. */
bool facts_disagree(const struct facts *facts);
/* What is known of a queue that could not be asked; `problem` is borrowed, "": it was not yet. */
void facts_not_asked(struct facts *facts, const char *problem);

/*
 * What the texts of the gates' keys say ("": there is none), which may be anybody's: see
 * lua/gates.lua.
 */
void facts_read_gates(struct facts_gates *gates, const struct config *config, int64_t now_ms,
		      const char *limiter, const char *circuit, const char *application);
/* attempts of a job's `opts`; the stage of its `progress`. Both may be anybody's. */
void facts_read_options(struct facts_job *job, const struct config *config, const char *opts);
/* Borrows nothing: the stage is one of the names that publishers use. */
void facts_read_progress(struct facts_job *job, const char *progress);

#endif

#ifndef WORKER_PUBLISHING_H
#define WORKER_PUBLISHING_H
/*
 * publishing.h - one deviation on its way, and the steps that publish.c and reconcile.c both take.
 * [worker]
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"
#include "worker/deviation.h"
#include "worker/lease.h"
#include "worker/tools.h"

struct publishing {
	struct tools *tools;
	const struct queue_job *job;
	struct deviation *deviation;
	const char *lock; /* the execution lock of this claim */
	struct lease *lease;
	size_t file_count; /* how many of the deviation's files are to go out */
	bool token_forced; /* the token was refreshed once because DeviantArt refused it */
	/* what the end of the job has to know */
	struct deviation_file *file; /* the one at hand */
	bool asked_gates;            /* a slot was taken for it */
	bool publish_refused;        /* its stash/publish was committed but surely not accepted */
	bool item_gone;              /* its item does not exist any more: it has to start afresh */
	bool was_asked;              /* its stash/publish was sent by this run */
	bool unknowable; /* all was asked, and what became of its publish cannot be known */
};

enum publish_result {
	PUBLISH_DONE,   /* every file is public (or uploaded, with stash_only), and recorded */
	PUBLISH_WAIT,   /* not now: *wait says for how long and why */
	PUBLISH_FAILED, /* *why */
};

struct publish_wait {
	int64_t wait_ms;
	bool unknown; /* an outcome is unknown: the row stays locked and "publishing" */
	char reason[96];
	enum wait_reason kind; /* unless unknown */
};

/* error_code values of stash/publish that decide what comes next (deviantart-api.md 6.3). */
enum {
	PUBLISH_CODE_CATEGORY_MISSING = 2,
	PUBLISH_CODE_CATEGORY_INVALID = 3,
	PUBLISH_CODE_RESOLUTION = 5,
	PUBLISH_CODE_ITEM_GONE = 7,
	PUBLISH_CODE_ALREADY_PUBLISHED = 9,
};

/* The code with which stash/publish refused; -1 where it did not: a code beside a 5xx, or of
 * another endpoint, proves nothing. */
int publishing_code(const struct failure *why);

/* Sees that the token lives long enough; force: DeviantArt refused it, whatever its date says. */
bool publishing_refresh_token(struct publishing *p, bool force, struct failure *why);

/*
 * One call with the user's token: where DeviantArt refuses the token, it is refreshed once a job
 * and the call made again. `call` uses the deviation's current token.
 */
typedef bool publishing_call(struct publishing *p, void *arg, struct failure *why);
bool publishing_with_token(struct publishing *p, publishing_call *call, void *arg,
			   struct failure *why);

/*
 * What DeviantArt has accepted is recorded, however long PostgreSQL is away, within the job's time:
 * `call` is repeated while it fails with FAILURE_AWAY. It must be harmless to repeat.
 */
bool publishing_insist(struct publishing *p, publishing_call *call, void *arg, struct failure *why);

/* stash/publish of the file's item, repaired once where DeviantArt names what to leave out. The
 * intention is committed already. */
bool publishing_ask(struct publishing *p, struct deviantart_published *published,
		    struct failure *why);

/*
 * Records the file at hand as public; deviation_id and url may be "" where they are not known. A
 * post that was FOUND in the gallery and turns out to be another one's of ours was a wrong match:
 * nothing is recorded (FAILURE_AWAY, so that the gallery is read again); what DeviantArt ANSWERED
 * is recorded in any case.
 */
enum publishing_source { PUBLISHING_ANSWERED, PUBLISHING_FOUND };
bool publishing_record(struct publishing *p, const struct deviantart_published *published,
		       enum publishing_source source, const char *step, struct failure *why);

/* What asks the gates for the file at hand: "<deviation>:<file>". */
#define PUBLISHING_GATE_NAME_SIZE 600
void publishing_gate_name(const struct publishing *p, char out[PUBLISHING_GATE_NAME_SIZE]);
/* The file went through: its user's pace quickens. */
void publishing_gate_ok(const struct publishing *p);

/* The job's progress and, unless format is NULL, a line in its own log; sent without waiting. */
void publishing_tell(struct publishing *p, const char *stage, int percent, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif

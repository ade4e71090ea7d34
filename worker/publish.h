#ifndef WORKER_PUBLISH_H
#define WORKER_PUBLISH_H
/*
 * publish.h - one deviation to DeviantArt, file by file.                 [worker]
 *
 * For each file: the gates, a fresh token, stash/submit, the item recorded, the intention recorded,
 * stash/publish, the outcome recorded. It resumes at the first file that is not done. What must
 * hold: one item a file, fixed once; only that item is ever published; "publishing" is committed
 * before the request; a file found there goes to reconcile.h first.
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
};

enum publish_result publish_run(struct publishing *p, struct publish_wait *wait,
				struct failure *why);

/* ---- shared with reconcile.c ---- */

/*
 * One call with the user's token: where DeviantArt refuses the token, it is refreshed once a job
 * and the call made again. `call` gets the deviation's current token.
 */
typedef bool publish_call(struct publishing *p, void *arg, struct failure *why);
bool publish_with_token(struct publishing *p, publish_call *call, void *arg, struct failure *why);

/* stash/publish of the file's item, repaired once where DeviantArt names what to leave out. The
 * intention is committed already. */
bool publish_item(struct publishing *p, struct deviantart_published *published,
		  struct failure *why);

/* Records the file at hand as public; deviation_id and url may be "" where they are not known. */
bool publish_record(struct publishing *p, const struct deviantart_published *published,
		    const char *step, struct failure *why);

/* A name for what asks the gates: "<deviation>:<file>". */
void publish_gate_name(const struct publishing *p, char *out, size_t out_size);

/* "who:file" line in the job's own log and its progress, sent without waiting. */
void publish_tell(struct publishing *p, const char *stage, int percent, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif

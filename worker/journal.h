#ifndef WORKER_JOURNAL_H
#define WORKER_JOURNAL_H
/*
 * journal.h - what PostgreSQL is told, one statement a step.             [worker]
 *
 * The API server's rows and our own schema "publisher" change together, each step in one statement
 * (sql/), fenced by the execution lock: where the row's lock is not the one given, nothing is
 * written and the failure is FAILURE_LOST.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/postgres.h"
#include "worker/deviation.h"

/*
 * Creates the schema, or brings it up to date; harmless to repeat and safe beside others that do
 * the same. FAILURE_OPERATOR: we may not; journal_sql() is what somebody who may has to run.
 */
bool journal_prepare(struct postgres *postgres, struct failure *why);
const char *journal_sql(void);

#define JOURNAL_LOCK_PREFIX "isekai-publisher|"

/* The execution lock of a claim: "isekai-publisher|<claimed ms, 15 digits>|<token>|<job id>".
 * free(); NULL: out of memory. */
char *journal_lock(int64_t claimed_ms, const char *token, const char *job_id);
/*
 * What tells a job that failed, and whose end Redis never heard of, from a retry by hand:
 * "<id>|<added>|<attempts made>". free(); NULL: out of memory.
 */
char *journal_job_name(const char *job_id, int64_t added_ms, int attempts_made);
/* Whether a lock is of our format and of this job. */
bool journal_lock_is_of(const char *lock, const char *job_id);

/*
 * Reads the deviation and takes its execution lock if it is due, free (or ours, older, of the same
 * job, or stale) and belongs to user_id. job_name: journal_job_name(), or NULL for a job that is
 * known to be retried by hand. stalls: of the job. *out NULL: there is no such row. The caller
 * frees *out.
 */
bool journal_begin(struct postgres *postgres, const char *deviation_id, const char *user_id,
		   const char *lock, const char *job_id, const char *job_name, int stalls,
		   struct deviation **out, struct failure *why);

/* A stash item that the journal does not know becomes the first file's, outcome unknown. */
bool journal_adopt(struct postgres *postgres, struct deviation *deviation, const char *lock,
		   struct failure *why);

/* An upload was accepted; file->item and ->digest are what is recorded. */
bool journal_submitted(struct postgres *postgres, const struct deviation *deviation,
		       const char *lock, struct deviation_file *file, struct failure *why);

/*
 * Commits the intention to publish; the fence before each request that cannot be taken back.
 * repeated: the request before it, of the same job, was surely refused, so that no further outcome
 * becomes unknown.
 */
bool journal_publishing(struct postgres *postgres, const struct deviation *deviation,
			const char *lock, struct deviation_file *file, bool repeated,
			struct failure *why);

/*
 * A file is public (file NULL: a stash_only post is uploaded, or the row did not say what the
 * journal knows). last: the whole post is done, and the lock given free; with_sale: the sale queue
 * gets its row where the deviation's automation wants one.
 */
bool journal_published(struct postgres *postgres, const struct deviation *deviation,
		       const char *lock, const struct deviation_file *file, bool last,
		       bool with_sale, const char *step, const char *detail, struct failure *why);

/* How a claim ends without an end of the post. Members that are NULL or false change nothing. */
struct journal_release {
	const char *message;       /* for the artist */
	const char *count_as;      /* counter of failures to raise */
	bool attempt_failed;       /* retry_count + 1 */
	bool refusal;              /* a refusal or outage */
	const char *refused_file;  /* its stash/publish was refused for sure: it is not "publishing"
				      any more */
	const char *step, *detail; /* for the trail */
};
bool journal_release(struct postgres *postgres, const char *deviation_id, const char *lock,
		     const struct journal_release *release, struct failure *why);

/* For good. forget_file: its item is gone, it starts afresh; refused_file as above. */
bool journal_failed(struct postgres *postgres, const char *deviation_id, const char *lock,
		    const char *message, const char *forget_file, const char *refused_file,
		    const char *job_name, struct failure *why);

/* Fails a row that this job might have locked; *rejected false: somebody else has it. */
bool journal_reject(struct postgres *postgres, const char *deviation_id, const char *user_id,
		    const char *message, const char *job_id, bool *rejected, struct failure *why);

/* What reconciliation found. */
struct journal_outcome {
	bool is_public, item_gone, looked;
	const char *step, *detail;
};
bool journal_outcome(struct postgres *postgres, const char *deviation_id, const char *lock,
		     const struct deviation_file *file, const struct journal_outcome *outcome,
		     struct failure *why);

/* Tells each other file of the user whose publish is not settled: the title that was submitted,
 * its size (-1: its row is gone), and whether the gallery was read for it since. */
bool journal_twins(struct postgres *postgres, const struct deviation *deviation,
		   const struct deviation_file *file,
		   void (*tell)(void *arg, const char *title, int64_t size_bytes, bool looked),
		   void *arg, struct failure *why);

/* used[i]: the DeviantArt id ids[i] already belongs to another post or file of ours. */
bool journal_used_posts(struct postgres *postgres, const char *deviation_id, const char *file_id,
			const char *const *ids, size_t count, bool *used, struct failure *why);

/* DeviantArt's id of the artist's latest post that went out through us; "": there is none, or it is
 * longer than id_size. */
bool journal_own_post(struct postgres *postgres, const struct deviation *deviation,
		      const struct deviation_file *file, char *id, size_t id_size,
		      struct failure *why);

#endif

#ifndef WORKER_JOB_INTERNAL_H
#define WORKER_JOB_INTERNAL_H
/*
 * job_internal.h - one job at work, for job.c (its way), job_end.c (its ends) and job_failure.c
 * (its failures) alone.   [worker]
 */
#include "common/failure.h"
#include "common/queue/queue.h"
#include "worker/job.h"
#include "worker/job_data.h"
#include "worker/lease.h"
#include "worker/publishing.h"

struct work {
	struct tools *tools;
	const struct queue_job *job;
	struct job_data data;
	struct deviation *deviation;
	char *lock, *name; /* the execution lock of this claim; journal_job_name() */
	struct lease lease;
	struct publishing publishing;
	struct job_end *end;
};

/* ---- job_end.c: what the queue will be told ---- */

void job_end_defer(struct work *w, enum wait_reason wait, int64_t delay_ms);
void job_end_with_reason(struct work *w, enum job_end_kind kind, const struct failure *why);
/* {"success": true, "results": [...], ...}; flag names a further member that is true, NULL = none.
 */
void job_end_complete(struct work *w, const char *flag);
/* The storage-cleanup job has to exist. */
void job_end_with_cleanup(struct work *w);
/* PostgreSQL could not be told: nothing moves on that the row does not say. The job waits and is
 * looked at again. */
void job_end_database_away(struct work *w, const struct failure *why);

/* ---- job_failure.c: the row is told, then the end is chosen by retry.h's table ---- */

void job_end_failed(struct work *w, struct failure *why);
void job_end_for_good(struct work *w, const struct failure *why);
/* A gate, or a publish with an unknown outcome, says "later". */
void job_end_waiting(struct work *w, const struct publish_wait *wait);

/* ---- job_news.c: what people who watch see of it, on the health listener and in the job's log
 * ---- */

/* The deviation was read: what it is called, where that may be told. */
void job_news_begin(const struct work *w);
/* A failure that only the operator can mend. */
void job_news_operator_fault(const struct work *w, enum operator_fault kind,
			     const struct failure *why);
void job_news_waiting(const struct work *w, const struct publish_wait *wait);
/* The end is chosen: if something failed, it joins the recent failures. */
void job_news_end(const struct work *w);

#endif

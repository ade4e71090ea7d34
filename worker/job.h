#ifndef WORKER_JOB_H
#define WORKER_JOB_H
/*
 * job.h - one claimed job, from its data to what is to become of it in the queue.   [worker]
 *
 * The row is always written before the job moves: job_run() does all that PostgreSQL and DeviantArt
 * have to see and returns what the queue has to be told; ending.h tells it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/queue/queue.h"
#include "common/scoreboard.h"
#include "worker/tools.h"

enum job_end_kind {
	JOB_END_COMPLETE, /* with return_value */
	JOB_END_FAIL,     /* for good, with reason */
	JOB_END_RETRY,    /* an attempt is burned, with reason and delay_ms */
	JOB_END_DEFER,    /* no attempt is burned, delay_ms */
	JOB_END_PUT_BACK, /* no attempt is burned, at once */
	JOB_END_LEAVE,    /* the process is out of memory and leaves with the job; who records its
			     death hands the job back: no attempt is burned, at once */
};

struct job_end {
	enum job_end_kind kind;
	int64_t delay_ms;
	char *return_value;    /* JSON; free() */
	enum wait_reason wait; /* of DEFER, RETRY and PUT_BACK: why it has to */
	char reason[FAILURE_MESSAGE_SIZE];
	enum failure_category category; /* FAILURE_NONE unless something failed */
	bool add_cleanup;               /* the storage-cleanup job has to exist */
	char deviation_id[256], user_id[256];
	bool database_away; /* no other job is worth claiming before PostgreSQL is back */
};

/* Never fails: whatever happens becomes an end. */
void job_run(struct tools *tools, const struct queue_job *job, struct job_end *end);
void job_end_clear(struct job_end *end);

#endif

/*
 * queue_bench.c - the pool with a processor that does nothing: build/queue-bench.   [tests]
 *
 * It is the publisher, whole, but for job_run(): this one stands before the archive that has the
 * other. Settings, /ready, signals and everything that a job costs the queue are the same.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/job.h"

void
job_run(struct tools *tools, const struct queue_job *job, struct job_end *end)
{
	(void)tools;
	(void)job;
	/* What BullMQ's Worker stores where a processor returns nothing. */
	*end = (struct job_end){.kind = JOB_END_COMPLETE, .return_value = strdup("null")};
}

void
job_end_clear(struct job_end *end)
{
	free(end->return_value);
	end->return_value = NULL;
}

#ifndef WORKER_ENDING_H
#define WORKER_ENDING_H
/*
 * ending.h - tells the queue what became of a job, until it has heard.   [worker]
 */
#include <stdbool.h>

#include "common/queue/queue.h"
#include "worker/job.h"
#include "worker/tools.h"

/*
 * Ends the claim and, with `next`, claims the next job in the same step. Only this command is
 * repeated while Redis is away, never the job itself; should its answer be lost after it had
 * claimed another job, the queue gives that job out at the next claim. False: the worker was
 * stopped before Redis heard it, so that the job is still locked by this process' token.
 */
bool ending_tell(struct tools *tools, const struct queue_job *job, const struct job_end *end,
		 const struct queue_next *next, struct queue_end *told);

#endif

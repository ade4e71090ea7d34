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
 * repeated while Redis is away, never the job itself. *doubtful: a command that may have claimed a
 * job was sent and its answer lost, so this process' token may hold a job that it does not know of.
 */
void ending_tell(struct tools *tools, const struct queue_job *job, const struct job_end *end,
		 const struct queue_next *next, struct queue_end *told, bool *doubtful);

#endif

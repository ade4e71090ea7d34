#ifndef WORKER_PRODUCER_H
#define WORKER_PRODUCER_H
/*
 * producer.h - the job of a deviation, as the API server adds it.        [dispatcher, enqueue
 * command]
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/queue/queue.h"

/* What recovery adds has this priority; the API server's own jobs have none (contract.md "Queue").
 */
#define PRODUCER_RECOVERY_PRIORITY 5

struct producer_job {
	const char *deviation_id, *user_id, *upload_mode;
	int64_t delay_ms;
	int priority;
	int attempts;
	bool replace_finished;
};
bool producer_add(struct queue *queue, const struct producer_job *job, enum queue_added *added,
		  struct failure *why);

/* "deviation-<id>" into out (cut never: false where it does not fit). */
bool producer_job_id(const char *deviation_id, char *out, size_t out_size);

#endif

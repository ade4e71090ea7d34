#ifndef WORKER_ORDERS_H
#define WORKER_ORDERS_H
/*
 * orders.h - what the supervisor said on the control pipe so far.        [worker, dispatcher]
 */
#include <stdbool.h>
#include <stdint.h>

struct orders {
	int fd; /* read end of the control pipe, non-blocking; closed and -1 after end of file */
	bool drain;            /* take no other job (drain or retire) */
	bool retire;           /* the pool goes on without this one */
	bool stop;             /* give the job back now */
	bool orphaned;         /* the supervisor is gone */
	bool look;             /* dispatcher: look at once; cleared by its reader */
	int64_t stop_since_ms; /* clock_mono_ms(); 0 = not asked to stop */
};

void orders_init(struct orders *orders, int control_fd);

/* Reads what is there, without waiting. End of file counts as "stop". */
void orders_read(struct orders *orders);

/*
 * The descriptor to poll for more orders: -1 once there is nothing more to hear, so that a poll
 * does not spin on a closed pipe.
 */
int orders_fd(const struct orders *orders);

/* Sleeps for ms, or until a new order comes (or the supervisor is gone), and reads it. */
void orders_wait(struct orders *orders, int64_t ms);

#endif

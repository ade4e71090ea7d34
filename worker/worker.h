#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H
/*
 * worker.h - what the supervisor knows of its children: two functions that never return.
 *
 * Both run in a freshly forked process. They obey the control pipe alone: signals that reach the
 * whole process group do not stop them (contract.md, signals).
 */
#include <stdint.h>

#include "common/config.h"
#include "common/scoreboard.h"

/* Bytes on the control pipe. End of file: the supervisor is gone; the child is gone within 5 s. */
enum child_order {
	CHILD_ORDER_DRAIN = 'd', /* finish the job in hand, take no other, exit 0 */
	CHILD_ORDER_RETIRE =
		'r', /* the same for one child of a pool that goes on (its turn must not be lost) */
	CHILD_ORDER_STOP = 's', /* give the job back now, exit 0 */
	CHILD_ORDER_LOOK =
		'l', /* dispatcher: a death was recorded, or the pool changed; look at once */
};

/* How a child left; anything else, or a signal, is a crash. */
enum child_exit {
	CHILD_EXIT_ASKED = 0,
	CHILD_EXIT_DECLARED_DEAD =
		10,           /* its token has a tombstone: start a new generation at once */
	CHILD_EXIT_SICK = 11, /* out of memory, and no job is to blame for it */
	CHILD_EXIT_OVERWHELMED =
		12, /* out of memory in its very first job, which may be to blame */
	CHILD_EXIT_MISCONFIGURED =
		78, /* cannot work with this configuration or database (said why in the log) */
};

struct child {
	const struct config *config; /* inherited by fork; never changed by the child */
	struct scoreboard *board;
	int slot;             /* 0: the dispatcher */
	uint64_t generation;  /* of this slot */
	const char *instance; /* identity_instance() of the supervisor */
	const char *token;    /* identity_token() of this generation */
	int control_fd;       /* read end, non-blocking */
	int ready_fd;         /* the child writes one byte when it is ready and closes it */
	bool at_start; /* nothing has worked yet: what is wrong may be said on standard error */
	int idle_fd;   /* an eventfd shared by the pool: workers tell a parked dispatcher that one
			became idle */
};

/* Called once by the supervisor before its first fork: loads what all children share (libcurl, CA
 * store). Opens no connection. */
bool worker_prepare(const struct config *config, struct failure *why);

_Noreturn void worker_main(const struct child *child);
_Noreturn void dispatcher_main(const struct child *child);

#endif

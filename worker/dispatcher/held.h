#ifndef WORKER_DISPATCHER_HELD_H
#define WORKER_DISPATCHER_HELD_H
/*
 * held.h - who is held back, and until when, for /status.               [dispatcher]
 */
#include <stdbool.h>

#include "common/scoreboard_held.h"
#include "worker/dispatcher/desk.h"

/* What both servers have told; it goes to the scoreboard as a whole. */
struct held {
	struct scoreboard_held seen;
};

/* By gates and the queue's own limits, and puts all of it on the scoreboard. False: Redis failed.
 */
bool held_at_gates(struct held *held, struct desk *desk, struct failure *why);

/* By dead logins and such as are being refreshed. False: PostgreSQL failed. */
bool held_by_logins(struct held *held, struct desk *desk, struct failure *why);

#endif

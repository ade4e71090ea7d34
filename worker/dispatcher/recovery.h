#ifndef WORKER_DISPATCHER_RECOVERY_H
#define WORKER_DISPATCHER_RECOVERY_H
/*
 * recovery.h - jobs of dead processes go back to the queue.             [dispatcher]
 *
 * design.md "Tokens and proof of death". The row is given free first, where PostgreSQL can be
 * reached, then everything that is locked with the dead token goes back in one script, which leaves
 * a tombstone.
 */
#include <stdbool.h>

#include "worker/dispatcher/desk.h"

/* The deaths that the supervisor recorded and nobody has confirmed yet. False: Redis failed. */
bool recovery_of_recorded(struct desk *desk, struct failure *why);

/* Deaths that PostgreSQL could not be told of while it was away: their leases on tokens end now
 * that it is back. */
void recovery_tell_postgres(struct desk *desk);

/* At the start and now and then: jobs whose supervisor, of this boot and pid namespace, does not
 * exist any more. */
bool recovery_of_orphans(struct desk *desk, struct failure *why);

#endif

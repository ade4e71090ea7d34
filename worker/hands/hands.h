#ifndef WORKER_HANDS_HANDS_H
#define WORKER_HANDS_HANDS_H
/*
 * hands.h - the commands retry, pause, resume, breaker and limit.      [commands]
 *
 * Each says on standard output what it did, a line for each thing (json: one object), and on
 * standard error what it did not, and gives the exit status: 0 done, or so already; 1 not done; 69
 * a server is not reachable; 78 the journal cannot be made in this database. All may be repeated.
 */
#include <stdbool.h>

#include "common/config.h"

/*
 * Puts failed posts to work again: the row becomes due, the job goes back to the queue, or is added
 * anew where it is gone. ids: what explain_command() takes. failed: all that have failed, besides.
 * What is published, may be public, or has nobody who could publish it is refused.
 */
int retry_command(const struct config *config, int count, char *const *ids, bool failed, bool json);

/* paused: nothing more is taken from the queue, by anybody; else it is open again. */
int pause_command(const struct config *config, bool paused, bool json);

/* The name of what holds for everybody, among the names of users. */
#define HANDS_APPLICATION "application"

enum hands_gate {
	HANDS_BREAKER, /* the circuits */
	HANDS_LIMIT    /* the paces; of everybody: the queue's own limits */
};
/*
 * Shows gates of these users, or of HANDS_APPLICATION; without any name those of everybody that
 * hold something back. reset: opens them, and wakes the posts that waited for them.
 */
int gate_command(const struct config *config, enum hands_gate gate, int count, char *const *users,
		 bool reset, bool json);

#endif

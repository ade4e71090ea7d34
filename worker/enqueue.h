#ifndef WORKER_ENQUEUE_H
#define WORKER_ENQUEUE_H
/*
 * enqueue.h - the command `isekai-publisher enqueue ID...`: the same job the API server would add.
 */
#include "common/config.h"

/*
 * Looks each deviation up in PostgreSQL and adds its job; prints one line for each on standard
 * output (what happened), reasons for those that could not be added on standard error. Returns the
 * exit status: 0 all are queued (or were already), 1 some are not, 69 a server is not reachable.
 */
int enqueue_command(const struct config *config, int count, char *const *deviation_ids);

#endif

#ifndef WORKER_DISPATCHER_RENEWAL_H
#define WORKER_DISPATCHER_RENEWAL_H
/*
 * renewal.h - the dispatcher renews the locks of all living workers' jobs.   [dispatcher]
 */
#include <stdbool.h>

#include "worker/dispatcher/desk.h"

/* One script for all; what it finds lost is said on the scoreboard. False: Redis failed. */
bool renewal_run(struct desk *desk, struct failure *why);

/* How often: four times in a lock's life, so that two may fail. */
int64_t renewal_interval_ms(const struct desk *desk);

#endif

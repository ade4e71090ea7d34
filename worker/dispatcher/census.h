#ifndef WORKER_DISPATCHER_CENSUS_H
#define WORKER_DISPATCHER_CENSUS_H
/*
 * census.h - what /metrics shows of the queue and the circuits.          [dispatcher]
 */
#include <stdbool.h>

#include "worker/dispatcher/desk.h"

/* Counts and puts them on the scoreboard. False: Redis failed. */
bool census_run(struct desk *desk, struct failure *why);

#endif

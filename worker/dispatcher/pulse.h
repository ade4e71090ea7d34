#ifndef WORKER_DISPATCHER_PULSE_H
#define WORKER_DISPATCHER_PULSE_H
/*
 * pulse.h - whether Redis and PostgreSQL answer, for /ready.             [dispatcher]
 *
 * contract.md "Health listener": a server that goes or comes is noticed within 2 s. The dispatcher
 * itself cannot promise that: one statement on one of them may hold it up for seconds. So each of
 * the two has a thread that does nothing but ask it, on a connection of its own, twice a second.
 * Neither delays the notice of the other, and a dispatcher that is slow is not taken for a server
 * that is gone.
 */
#include <stdbool.h>

#include "common/config.h"
#include "common/failure.h"
#include "common/scoreboard.h"
#include "worker/dispatcher/probe.h"

struct pulse;

/*
 * Starts asking; only the end of the process ends it. `config` and `board` are borrowed,
 * `probe` is copied. NULL and
 * *why when there is no memory or no thread to be had.
 */
struct pulse *pulse_start(const struct config *config, const struct probe *probe,
			  struct scoreboard *board, struct failure *why);

/*
 * How the dispatcher's own connection fares: a server that answers, but not to it, for longer than
 * a moment (no connection left, no right to the journal) counts as away for this reason (no
 * secrets), and before the first "up" nothing is said to be up.
 */
void pulse_experience(struct pulse *pulse, enum dependency which, bool up, const char *reason);

#endif

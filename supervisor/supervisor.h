#ifndef SUPERVISOR_SUPERVISOR_H
#define SUPERVISOR_SUPERVISOR_H
/*
 * supervisor.h - the process that forks, watches and replaces all others. [supervisor]
 *
 * It touches no Redis, no PostgreSQL and no network but the health listener, so nothing out there
 * can block or crash it.
 */
#include <stdbool.h>

#include "common/config.h"
#include "common/failure.h"

struct supervisor;

/*
 * Signals that ask something of the supervisor are held back from here on, until supervisor_new()
 * can hear them; every disposition that was inherited is reset. First thing in main(), so that no
 * request is lost during start-up, nor as PID 1.
 */
void supervisor_hold_signals(void);

/* The event loop and its signals. Takes config, in any case; config_path (may be NULL) stays the
 * caller's. */
struct supervisor *supervisor_new(struct config *config, const char *config_path,
				  struct failure *why);

/* What must be there before the first fork: scoreboard, listener, what children share.
 * FAILURE_OPERATOR: exit 78. */
bool supervisor_open(struct supervisor *supervisor, struct failure *why);

/* Until the end. Returns the exit status. */
int supervisor_run(struct supervisor *supervisor);

void supervisor_free(struct supervisor *supervisor);

#endif

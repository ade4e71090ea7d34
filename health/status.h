#ifndef HEALTH_STATUS_H
#define HEALTH_STATUS_H
/*
 * status.h - the command `isekai-publisher status`: how does it do?    [status command]
 */
#include <stdbool.h>

#include "common/config.h"

/*
 * Asks the health listener of this configuration for /status and prints it: for people, or (json)
 * as it came. watch: again every 2 s until it is ended by a signal or nobody reads any more; on a
 * terminal in place. Reasons go to standard error. Gives the exit status: 0 told, 69 no listener
 * answers (watch: at the first look; later it says so and asks on).
 */
int status_command(const struct config *config, bool watch, bool json);

#endif

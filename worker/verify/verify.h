#ifndef WORKER_VERIFY_VERIFY_H
#define WORKER_VERIFY_VERIFY_H
/*
 * verify.h - the command `isekai-publisher verify`: an audit from outside.   [verify command]
 *
 * Reads PostgreSQL, Redis and, where its address is given, a sandbox's ledger; tells every violated
 * invariant of faults.md with the ids concerned. It changes nothing anywhere.
 */
#include <stdbool.h>

#include "common/config.h"

/*
 * ledger_url: "http://127.0.0.1:8080", NULL: none. Prints the report on standard output; what it
 * could not reach, and what to do about it, on standard error. Gives the exit status: 0 nothing is
 * violated, 1 something is, 69 a server is not reachable.
 */
int verify_command(const struct config *config, const char *ledger_url, bool json);

#endif

#ifndef WORKER_EXPLAIN_EXPLAIN_H
#define WORKER_EXPLAIN_EXPLAIN_H
/*
 * explain.h - the command `isekai-publisher explain ID`: why is this post not out yet?   [explain
 * command]
 *
 * Tells the life of one deviation from row, journal and queue, in plain words and in order. It
 * changes nothing anywhere.
 */
#include <stdbool.h>

#include "common/config.h"

/*
 * id: a deviation's, a job's, or a link of DeviantArt's (ident.h). Prints the story on standard
 * output; what is not there, or could not be reached, on standard error. Gives the exit status: 0
 * told, 1 there is no such deviation, 69 a server is not reachable (where it is Redis alone, what
 * PostgreSQL knows is told all the same).
 */
int explain_command(const struct config *config, const char *id, bool json);

#endif

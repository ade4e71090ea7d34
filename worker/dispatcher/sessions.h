#ifndef WORKER_DISPATCHER_SESSIONS_H
#define WORKER_DISPATCHER_SESSIONS_H
/*
 * sessions.h - workers that wait for PostgreSQL in vain are told so.     [dispatcher]
 *
 * A connection that died without a word and a statement that takes its time look alike to who
 * waits. The server knows which it is: a session that has nothing to do will not answer.
 */
#include <stdint.h>

struct postgres;
struct scoreboard;

/*
 * Looks whether somebody has waited for a while, asks about them on this connection, which was just
 * answered, and says on the scoreboard whose wait is in vain. Sends nothing where nobody waits.
 */
void sessions_judge(struct postgres *postgres, struct scoreboard *board);

#endif

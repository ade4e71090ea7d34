#ifndef COMMON_POSTGRES_WAIT_H
#define COMMON_POSTGRES_WAIT_H
/*
 * postgres_wait.h - waiting for PostgreSQL's answer.                    [worker, dispatcher]
 *
 * Private to postgres.c. A wait ends with its deadline; a worker's ends sooner where the dispatcher
 * knows that nothing will come any more (scoreboard_waits.h). Nothing within it depends on the
 * dispatcher: without one, the deadline holds.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/scoreboard_waits.h"

struct pg_conn; /* libpq's PGconn */

struct postgres_wait {
	struct scoreboard *board; /* NULL: nobody is told of it */
	int slot;
	bool pooled; /* the server's processes are not known: a pooler stands before them */
	int64_t connect_begun_ms;
	bool connecting;
	struct postgres_session session;
	int64_t since_ms;
};

enum postgres_waited { POSTGRES_WAIT_READY, POSTGRES_WAIT_LATE, POSTGRES_WAIT_IN_VAIN };

/* Waits are about to be for a connection in the making. */
void postgres_wait_connecting(struct postgres_wait *wait);
/* Waits are about to be for the answer to so many bytes on this connection. */
void postgres_wait_asking(struct postgres_wait *wait, const struct pg_conn *conn, size_t bytes);
/* Something came: silence begins anew. */
void postgres_wait_moved(struct postgres_wait *wait);
void postgres_wait_end(struct postgres_wait *wait);

/* Until the socket is ready for these events (poll's). LATE: the deadline is over, or there is no
 * socket. */
enum postgres_waited postgres_wait_for(struct postgres_wait *wait, const struct pg_conn *conn,
				       short events, int64_t deadline_ms);

/* The session of an established connection, for comparing. */
struct postgres_session postgres_session_of(const struct pg_conn *conn);

#endif

/*
 * postgres_wait.c - how long a connection to PostgreSQL is waited for.   [worker, dispatcher]
 */
#include "common/postgres_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/clock.h"
#include "common/scoreboard_pulse.h"

#define LOOK_MS 250 /* how often who waits looks whether it is in vain */

bool
postgres_wait(struct postgres *postgres, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd fd = {.fd = PQsocket(postgres->conn), .events = events};
		int64_t left = deadline_ms - clock_mono_ms();
		int n;

		if (left < 0 || fd.fd < 0)
			return false;
		n = poll(&fd, 1, (int)(left < LOOK_MS ? left : LOOK_MS));
		if (n > 0) {
			postgres->heard_ms = clock_mono_ms();
			return true;
		}
		if (n < 0 && errno != EINTR)
			return false;
		postgres->in_vain =
			n == 0 && postgres->board != NULL &&
			scoreboard_waits_in_vain(postgres->board, DEPENDENCY_POSTGRES,
						 postgres->begun_ms, postgres->heard_ms);
		if (postgres->in_vain)
			return false;
	}
}

bool
postgres_fail(struct postgres *postgres, struct failure *why, enum failure_category category,
	      const char *what)
{
	const char *said =
		postgres->conn != NULL ? PQerrorMessage(postgres->conn) : "out of memory";
	int length = (int)strcspn(said, "\n");

	if (postgres->in_vain)
		return failure_set(why, FAILURE_AWAY,
				   "PostgreSQL: a connection is dead: others are answered");
	return failure_set(why, category, "PostgreSQL: %s: %.*s", what, length, said);
}

void
postgres_drop(struct postgres *postgres)
{
	PQfinish(postgres->conn);
	postgres->conn = NULL;
	for (int i = 0; i < postgres->statement_count; i++)
		postgres->statements[i].on_server = false;
}

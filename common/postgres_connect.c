/*
 * postgres_connect.c - connects, within a time, also through a pooler.    [worker, dispatcher]
 */
#include "common/postgres_internal.h"

#include <poll.h>
#include <string.h>

#include "common/clock.h"
#include "common/scoreboard.h"

/* A statement that was given up here ends there too. Poolers refuse start-up options they do not
 * know. */
#define SERVER_TIMEOUT "-c statement_timeout=20000"

static bool
connect_within(struct postgres *postgres, int64_t deadline_ms, struct failure *why)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK) {
		short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (status == PGRES_POLLING_FAILED)
			return postgres_fail(postgres, why, FAILURE_AWAY, "cannot connect");
		if (!postgres_wait(postgres, events, deadline_ms))
			return failure_set(why, FAILURE_AWAY,
					   "PostgreSQL: no connection within its time");
		status = PQconnectPoll(postgres->conn);
	}
	return true;
}

/* libpq prints notices on standard error by itself; ours stays silent. */
static void
drop_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static bool
connect_once(struct postgres *postgres, int64_t deadline_ms, struct failure *why)
{
	/* The name and the keepalives are ours unless the URL says otherwise: it is expanded last.
	 */
	const char *const keys[] = {"fallback_application_name",
				    "keepalives_idle",
				    "keepalives_interval",
				    "keepalives_count",
				    "tcp_user_timeout",
				    "client_encoding",
				    "options",
				    "dbname",
				    NULL};
	const char *const values[] = {postgres->application_name,
				      "30",
				      "10",
				      "3",
				      "15000",
				      "UTF8",
				      postgres->plain_start ? "" : SERVER_TIMEOUT,
				      postgres->address->conninfo,
				      NULL};

	postgres->sqlstate[0] = '\0';
	postgres->begun_ms = postgres->heard_ms = clock_mono_ms();
	postgres->in_vain = false;
	postgres->conn = PQconnectStartParams(keys, values, 1);
	if (postgres->conn == NULL)
		return failure_set(why, FAILURE_AWAY, "PostgreSQL: out of memory");
	PQsetNoticeReceiver(postgres->conn, drop_notice, NULL);
	if (PQstatus(postgres->conn) == CONNECTION_BAD)
		postgres_fail(postgres, why, FAILURE_AWAY, "cannot connect");
	else if (connect_within(postgres, deadline_ms, why)) {
		if (PQsetnonblocking(postgres->conn, 1) == 0)
			return true;
		postgres_fail(postgres, why, FAILURE_AWAY, "cannot connect");
	}
	postgres_drop(postgres);
	return false;
}

/* A pooler that the URL does not name serves us, too, but not with them. */
static bool
may_do_without_options(const struct postgres *postgres, const struct failure *why)
{
	return !postgres->plain_start &&
	       strstr(why->message, "unsupported startup parameter") != NULL;
}

bool
postgres_connect(struct postgres *postgres, int64_t timeout_ms, struct failure *why)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;
	bool again = false;

	if (postgres->conn != NULL && PQstatus(postgres->conn) == CONNECTION_OK)
		return true;
	postgres_drop(postgres);
	while (!connect_once(postgres, deadline_ms, why)) {
		if (may_do_without_options(postgres, why))
			postgres->plain_start = true;
		else if (postgres->in_vain && !again)
			deadline_ms = clock_mono_ms() + timeout_ms;
		else
			return false;
		again = again || postgres->in_vain;
	}
	if (postgres->was_connected && postgres->board != NULL)
		scoreboard_count(postgres->board, postgres->slot, COUNTER_POSTGRES_RECONNECTS, 1);
	return postgres->was_connected = true;
}

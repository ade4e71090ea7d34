/*
 * postgres_result.c - what PostgreSQL says to a statement, and what that means.  [worker,
 * dispatcher]
 */
#include "common/postgres_internal.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

/*
 * Whether what the server said is about the values we sent (22 data exception, 23 integrity): only
 * that can be a post's own fault. All else, from a full disk to a missing right, is the operator's
 * and means "not now".
 */
static bool
is_about_data(const char *sqlstate)
{
	return strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0;
}

/* A statement is not there that was prepared, or one that was not: the connection is another one's
 * too. */
static bool
is_mixed_up(const char *sqlstate)
{
	return strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "42P05") == 0;
}

/* A server that is going away or read-only will not come back on this connection; a stale plan goes
 * with it too. */
static bool
ends_connection(const char *sqlstate)
{
	return sqlstate[0] == '\0' || strncmp(sqlstate, "08", 2) == 0 ||
	       strncmp(sqlstate, "53", 2) == 0 || strncmp(sqlstate, "57", 2) == 0 ||
	       strcmp(sqlstate, "25006") == 0 || strcmp(sqlstate, "0A000") == 0 ||
	       is_mixed_up(sqlstate);
}

bool
postgres_may_run_again(const char *sqlstate)
{
	/* Serialization, deadlock, lock timeout; a cached plan that a migration made stale, a
	 * statement a pooler forgot. */
	return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 ||
	       strcmp(sqlstate, "55P03") == 0 || strcmp(sqlstate, "0A000") == 0 ||
	       is_mixed_up(sqlstate);
}

PGresult *
postgres_collect(struct postgres *postgres, int64_t deadline_ms, struct failure *why)
{
	PGresult *kept = NULL, *next;

	postgres->heard_ms = clock_mono_ms();
	for (int left; (left = PQflush(postgres->conn)) != 0;) {
		if (left < 0 || !postgres_wait(postgres, POLLIN | POLLOUT, deadline_ms) ||
		    !PQconsumeInput(postgres->conn))
			goto lost;
	}
	for (;;) {
		while (PQisBusy(postgres->conn)) {
			if (!postgres_wait(postgres, POLLIN, deadline_ms) ||
			    !PQconsumeInput(postgres->conn))
				goto lost;
		}
		next = PQgetResult(postgres->conn);
		if (next == NULL)
			break;
		if (kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
			PQclear(next);
			continue;
		}
		PQclear(kept);
		kept = next;
	}
	if (kept != NULL && PQstatus(postgres->conn) == CONNECTION_OK)
		return kept;
lost:
	postgres_fail(postgres, why, FAILURE_AWAY, "the connection was lost or took too long");
	if (kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
		const char *primary = PQresultErrorField(kept, PG_DIAG_MESSAGE_PRIMARY);

		failure_set(why, FAILURE_AWAY, "PostgreSQL: %s", primary != NULL ? primary : "?");
	}
	PQclear(kept);
	postgres_drop(postgres);
	return NULL;
}

PGresult *
postgres_judge(struct postgres *postgres, PGresult *result, const char *name, struct failure *why)
{
	ExecStatusType status = PQresultStatus(result);
	const char *state, *primary;

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	snprintf(postgres->sqlstate, sizeof(postgres->sqlstate), "%s", state != NULL ? state : "");
	failure_set(why, is_about_data(postgres->sqlstate) ? FAILURE_UNKNOWN : FAILURE_AWAY,
		    "PostgreSQL: %s: %s (SQLSTATE %s)", name, primary != NULL ? primary : "failed",
		    postgres->sqlstate);
	PQclear(result);
	postgres->unprepared = postgres->unprepared || is_mixed_up(postgres->sqlstate);
	if (ends_connection(postgres->sqlstate))
		postgres_drop(postgres);
	return NULL;
}

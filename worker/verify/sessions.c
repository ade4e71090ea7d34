/*
 * sessions.c - what the publishers' PostgreSQL sessions hold (I11).    [verify command]
 */
#include "worker/verify/audit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_MS 5000

static const char verify_sessions_sql[] =
#include "worker/sql/verify_sessions.sql.h"
	;
static const struct postgres_statement verify_sessions = {.name = "publisher_verify_sessions",
							  .sql = verify_sessions_sql};

bool
examine_sessions(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	PGresult *result = POSTGRES_RESULT(audit_query(audit, &verify_sessions, 0, NULL, why));

	(void)ids;
	(void)count;
	if (result == NULL)
		return false;
	for (int i = 0; i < PQntuples(result); i++) {
		const char *pid = PQgetvalue(result, i, 0), *name = PQgetvalue(result, i, 2);
		const char *since = PQgetvalue(result, i, 3), *what = PQgetvalue(result, i, 4);
		char evidence[200];

		snprintf(evidence, sizeof(evidence), "%.80s %.80s", since, what);
		if (strcmp(PQgetvalue(result, i, 1), "idle") == 0)
			audit_suspect(audit, EXAMINER_SESSIONS, CHECK_IDLE_SESSION, pid, SETTLE_MS,
				      evidence, "PostgreSQL session of \"%.80s\" is %s since %.40s",
				      name, what, since);
		else
			audit_suspect(audit, EXAMINER_SESSIONS, CHECK_ADVISORY_LOCK, pid, SETTLE_MS,
				      evidence,
				      "PostgreSQL session of \"%.80s\" holds the advisory lock %s",
				      name, what);
	}
	PQclear(result);
	return true;
}

/*
 * sessions.c - workers that wait for PostgreSQL in vain are told so.     [dispatcher]
 */
#include "worker/dispatcher/sessions.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/postgres.h"
#include "common/scoreboard.h"
#include "common/scoreboard_waits.h"

/* An answer may be on its way for as long as the probe's own may take, which is 1 s. */
#define SILENT_MS  1000
#define IDLE_MS    "1000"
#define PID_DIGITS 12

static const char sessions_sql[] =
#include "worker/sql/sessions.sql.h"
	;

static const struct postgres_statement sessions = {.name = "publisher_sessions",
						   .sql = sessions_sql};

/* "{1,2}" of the waits at this very server; "{}" where there are none. */
static void
list_pids(const struct scoreboard_wait *waits, size_t count, uint32_t server, char *out,
	  size_t out_size)
{
	size_t size = (size_t)snprintf(out, out_size, "{");

	for (size_t i = 0; i < count; i++)
		if (waits[i].session.server == server)
			size += (size_t)snprintf(out + size, out_size - size, "%s%d",
						 size > 1 ? "," : "", waits[i].session.pid);
	(void)snprintf(out + size, out_size - size, "}");
}

/* Two servers may have given the same number. */
static void
tell(struct scoreboard *board, const struct scoreboard_wait *waits, size_t count, uint32_t server,
     const PGresult *idle)
{
	for (int row = 0; row < PQntuples(idle); row++) {
		long pid = strtol(PQgetvalue(idle, row, 0), NULL, 10);

		for (size_t i = 0; i < count; i++)
			if (waits[i].session.pid == pid && waits[i].session.server == server)
				scoreboard_wait_in_vain(board, &waits[i]);
	}
}

static void
ask(struct postgres *postgres, struct scoreboard *board, const struct scoreboard_wait *waits,
    size_t count, char *pids, size_t pids_size)
{
	struct postgres_session own;
	struct failure why;
	char own_pid[PID_DIGITS];
	const char *const values[] = {pids, own_pid, IDLE_MS};
	PGresult *idle;

	if (!postgres_session(postgres, &own))
		return;
	list_pids(waits, count, own.server, pids, pids_size);
	(void)snprintf(own_pid, sizeof(own_pid), "%d", own.pid);
	/* Not answered: then nothing is known, and the next probe tells why. */
	idle = POSTGRES_RESULT(postgres_run(postgres, &sessions, 3, values, &why));
	if (idle != NULL)
		tell(board, waits, count, own.server, idle);
	PQclear(idle);
}

void
sessions_judge(struct postgres *postgres, struct scoreboard *board)
{
	size_t most = (size_t)scoreboard_slots_used(board);
	size_t pids_size = most * PID_DIGITS + sizeof("{}");
	struct scoreboard_wait *waits = calloc(most, sizeof(*waits));
	char *pids = malloc(pids_size);
	size_t count = 0;

	if (waits != NULL && pids != NULL)
		count = scoreboard_waits(board, clock_mono_ms() - SILENT_MS, waits, most);
	if (count > 0)
		ask(postgres, board, waits, count, pids, pids_size);
	free(waits);
	free(pids);
}

/*
 * postgres.c - one connection to PostgreSQL with deadlines.             [worker, dispatcher]
 *
 * A connection that failed in any way is finished and never used again; the next call connects
 * anew. There is no terminal state.
 */
#include "common/postgres_internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define CONNECT_TIMEOUT_MS 5000
#define RUN_TRIES          3

struct postgres *
postgres_new(const struct database_address *address, const char *application_name)
{
	struct postgres *postgres = calloc(1, sizeof(*postgres));

	if (postgres == NULL)
		return NULL;
	postgres->address = address;
	postgres->statement_timeout_ms = POSTGRES_STATEMENT_TIMEOUT_MS;
	postgres->plain_start = address->pgbouncer;
	snprintf(postgres->application_name, sizeof(postgres->application_name), "%s",
		 application_name);
	postgres->schema = postgres_quote_identifier(address->schema);
	if (postgres->schema == NULL) {
		free(postgres);
		return NULL;
	}
	return postgres;
}

void
postgres_set_timeout(struct postgres *postgres, int64_t statement_timeout_ms)
{
	postgres->statement_timeout_ms = statement_timeout_ms;
}

void
postgres_close(struct postgres *postgres)
{
	postgres_drop(postgres);
	postgres->was_connected = false;
}

void
postgres_count_in(struct postgres *postgres, struct scoreboard *board, int slot)
{
	postgres->board = board;
	postgres->slot = slot;
}

void
postgres_free(struct postgres *postgres)
{
	if (postgres == NULL)
		return;
	postgres_drop(postgres);
	for (int i = 0; i < postgres->statement_count; i++)
		free(postgres->statements[i].sql);
	free(postgres->schema);
	free(postgres);
}

bool
postgres_connected(const struct postgres *postgres)
{
	return postgres->conn != NULL;
}

int
postgres_fd(const struct postgres *postgres)
{
	return postgres->conn == NULL ? -1 : PQsocket(postgres->conn);
}

const char *
postgres_user(const struct postgres *postgres)
{
	const char *user = postgres->conn == NULL ? NULL : PQuser(postgres->conn);

	return user != NULL ? user : "";
}

const char *
postgres_sqlstate(const struct postgres *postgres)
{
	return postgres->sqlstate;
}

const char *
postgres_schema(const struct postgres *postgres)
{
	return postgres->schema;
}

static PGresult *
run_once(struct postgres *postgres, struct prepared *entry, int count, const char *const *values,
	 struct failure *why)
{
	const char *name = entry->statement->name;
	int64_t deadline_ms = clock_mono_ms() + postgres->statement_timeout_ms;
	bool prepare = !postgres->unprepared && !postgres->address->pgbouncer &&
		       postgres->address->statement_cache_size != 0;
	PGresult *result;
	int sent;

	if (!postgres_connect(postgres, CONNECT_TIMEOUT_MS, why))
		return NULL;
	if (prepare && !entry->on_server) {
		if (!PQsendPrepare(postgres->conn, entry->name, entry->sql, 0, NULL))
			goto not_sent;
		result = postgres_collect(postgres, deadline_ms, why);
		if (result == NULL ||
		    (result = postgres_judge(postgres, result, name, why)) == NULL)
			return NULL;
		PQclear(result);
		entry->on_server = true;
	}
	sent = prepare ? PQsendQueryPrepared(postgres->conn, entry->name, count, values, NULL, NULL,
					     0)
		       : PQsendQueryParams(postgres->conn, entry->sql, count, NULL, values, NULL,
					   NULL, 0);
	if (!sent)
		goto not_sent;
	result = postgres_collect(postgres, deadline_ms, why);
	return result == NULL ? NULL : postgres_judge(postgres, result, name, why);
not_sent:
	postgres_fail(postgres, why, FAILURE_AWAY, name);
	postgres_drop(postgres);
	return NULL;
}

/*
 * An idle connection that the server ended meanwhile (a restart) has its last words and its end to
 * read; that is done here, so that the statement is not lost on a dead connection. A probe, not a
 * proof.
 */
static void
drop_if_ended(struct postgres *postgres)
{
	for (int reads = 0; reads < 4; reads++) {
		struct pollfd fd = {.fd = postgres_fd(postgres), .events = POLLIN};

		if (fd.fd < 0 || poll(&fd, 1, 0) <= 0)
			return;
		if (!PQconsumeInput(postgres->conn) || PQstatus(postgres->conn) != CONNECTION_OK)
			postgres_drop(postgres);
	}
}

struct pg_result *
postgres_run(struct postgres *postgres, const struct postgres_statement *statement, int count,
	     const char *const *values, struct failure *why)
{
	struct prepared *entry = postgres_find_statement(postgres, statement);
	struct failure ignored;
	PGresult *result = NULL;

	if (why == NULL)
		why = &ignored;
	if (entry == NULL) {
		failure_set(why, FAILURE_AWAY, "PostgreSQL: %s: no memory for another statement",
			    statement->name);
		return NULL;
	}
	drop_if_ended(postgres);
	for (int tries = 0; tries < RUN_TRIES; tries++) {
		postgres->sqlstate[0] = '\0';
		result = run_once(postgres, entry, count, values, why);
		if (result != NULL || !postgres_may_run_again(postgres->sqlstate))
			break;
	}
	/* On connections made anew no plan is stale: it cannot do that with this value (from
	 * PostgreSQL 17 on, infinite intervals). */
	if (result == NULL && strcmp(postgres->sqlstate, "0A000") == 0)
		why->category = FAILURE_UNKNOWN;
	return (struct pg_result *)result;
}

struct pg_result *
postgres_run_text(struct postgres *postgres, const char *sql, struct failure *why)
{
	char *text = postgres_with_schema(postgres, sql);
	PGresult *result = NULL;
	struct failure ignored;

	if (why == NULL)
		why = &ignored;
	postgres->sqlstate[0] = '\0';
	if (text == NULL) {
		failure_set(why, FAILURE_AWAY, "PostgreSQL: out of memory");
	} else if (postgres_connect(postgres, CONNECT_TIMEOUT_MS, why)) {
		if (!PQsendQuery(postgres->conn, text)) {
			postgres_fail(postgres, why, FAILURE_AWAY, "cannot send");
			postgres_drop(postgres);
		} else {
			result = postgres_collect(
				postgres, clock_mono_ms() + postgres->statement_timeout_ms, why);
			if (result != NULL)
				result = postgres_judge(postgres, result, "SQL", why);
		}
	}
	free(text);
	return (struct pg_result *)result;
}

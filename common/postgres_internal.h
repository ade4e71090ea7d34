/*
 * postgres_internal.h - what the files of postgres.h share.             [worker, dispatcher]
 *
 * The arrows: postgres.c -> postgres_connect.c, postgres_result.c -> postgres_wait.c; and
 * postgres.c -> postgres_statement.c.
 */
#ifndef COMMON_POSTGRES_INTERNAL_H
#define COMMON_POSTGRES_INTERNAL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/postgres.h"

struct prepared {
	const struct postgres_statement *statement;
	char *sql;     /* {schema} replaced */
	char name[64]; /* on the server: with a digest of `sql`, for whom a pooler lends it to */
	bool on_server;
};

struct postgres {
	const struct database_address *address;
	char application_name[64];
	char *schema; /* quoted */
	PGconn *conn;
	char sqlstate[6];
	int64_t statement_timeout_ms;
	struct scoreboard *board; /* where reconnects are counted; NULL: nowhere */
	int slot;
	bool was_connected;
	int64_t begun_ms; /* when the connection was begun, and when something came, or was asked */
	int64_t heard_ms;
	bool in_vain;     /* it was given up: scoreboard_pulse.h */
	bool plain_start; /* without options of ours: a pooler refuses them */
	bool unprepared;  /* a pooler that nobody told us of mixes up what is prepared */
	struct prepared statements[POSTGRES_STATEMENTS_MAX];
	int statement_count;
};

/* ---- postgres_wait.c: how long a connection is waited for ---- */

/* Waits for the socket. False: the deadline is over, or nothing will come any more (in_vain). */
bool postgres_wait(struct postgres *postgres, short events, int64_t deadline_ms);
/* libpq's message without its trailing newline; it may name the host, never the password. False. */
bool postgres_fail(struct postgres *postgres, struct failure *why, enum failure_category category,
		   const char *what);
/* Ends the connection, and with it what was prepared on it. */
void postgres_drop(struct postgres *postgres);

/* ---- postgres_statement.c: the SQL of a statement ---- */

/* An SQL identifier in double quotes, inner ones doubled; the caller's. NULL when out of memory. */
char *postgres_quote_identifier(const char *name);
/* sql with every {schema} replaced; the caller's. NULL when out of memory. */
char *postgres_with_schema(const struct postgres *postgres, const char *sql);
/* The connection's own entry for a statement. NULL: no memory, or POSTGRES_STATEMENTS_MAX. */
struct prepared *postgres_find_statement(struct postgres *postgres,
					 const struct postgres_statement *statement);

/* ---- postgres_result.c: what comes back ---- */

/* Flushes what was queued and reads to the last result, whether good or not; the first error wins.
 * NULL: the connection was lost, and dropped; *why is set. */
PGresult *postgres_collect(struct postgres *postgres, int64_t deadline_ms, struct failure *why);
/* Keeps a good result; turns an error result into *why, named after the statement, and NULL. */
PGresult *postgres_judge(struct postgres *postgres, PGresult *result, const char *name,
			 struct failure *why);
/* Whether the same statement may succeed at once, on this connection or a new one. */
bool postgres_may_run_again(const char *sqlstate);

#endif

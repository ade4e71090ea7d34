#ifndef COMMON_POSTGRES_H
#define COMMON_POSTGRES_H
/*
 * postgres.h - one connection to PostgreSQL with deadlines.             [worker, dispatcher]
 *
 * libpq parses and formats; waiting is ours (poll with a deadline), so that no call is without an
 * upper bound. Every statement stands alone (autocommit): what belongs together is one statement
 * with data-modifying CTEs, which also makes it one round trip. No session state is needed, so a
 * transaction pooler does.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/database_url.h"
#include "common/failure.h"

struct postgres;
struct scoreboard;
struct pg_result; /* libpq's PGresult; PQgetvalue etc. read it, PQclear frees it */

/*
 * A statement: a name (prepared under it and a digest of its SQL, except behind a transaction
 * pooler) and its SQL, in which {schema} stands for the quoted schema of the API server's tables.
 * Static storage: the connection remembers the pointer. A pooler that nobody told us of is found
 * out by what it mixes up; nothing is prepared from then on.
 */
struct postgres_statement {
	const char *name;
	const char *sql;
};

#define POSTGRES_STATEMENTS_MAX 48 /* different statements one connection may see */

/* Not connected yet. `address` is borrowed; `application_name` (at most 63 bytes) is copied. */
struct postgres *postgres_new(const struct database_address *address, const char *application_name);
void postgres_free(struct postgres *postgres);

/* Connects if not connected; FAILURE_AWAY when that cannot be done within timeout_ms (too many
 * connections too). */
bool postgres_connect(struct postgres *postgres, int64_t timeout_ms, struct failure *why);
bool postgres_connected(const struct postgres *postgres);
/* By choice: the next connection is no reconnect. */
void postgres_close(struct postgres *postgres);
/* From now on each connection that is made in place of a lost one counts as
 * COUNTER_POSTGRES_RECONNECTS in that slot. */
void postgres_count_in(struct postgres *postgres, struct scoreboard *board, int slot);
int postgres_fd(const struct postgres *postgres);

/*
 * Runs one statement with text parameters (NULL = SQL NULL); connects if need be. The result,
 * PGRES_TUPLES_OK or PGRES_COMMAND_OK, is the caller's (PQclear). NULL on failure: FAILURE_UNKNOWN
 * where the values are at fault (SQLSTATE classes 22 and 23), FAILURE_AWAY for all else (a lost
 * connection, a deadline, a full disk, a missing right, ...). Serialization failures, deadlocks,
 * lock timeouts and stale plans are run again, up to three times. After FAILURE_AWAY the statement
 * may or may not have taken effect: callers read again.
 */
struct pg_result *postgres_run(struct postgres *postgres,
			       const struct postgres_statement *statement, int count,
			       const char *const *values, struct failure *why);

/* Plain SQL of one or several statements in one implicit transaction (migrations). {schema} is
 * replaced. */
struct pg_result *postgres_run_text(struct postgres *postgres, const char *sql,
				    struct failure *why);

/* The result for libpq's functions. */
#define POSTGRES_RESULT(result) ((PGresult *)(result))

/* The database user of the connection; "" when not connected. */
const char *postgres_user(const struct postgres *postgres);

/* SQLSTATE of the last failure, "" when there was none. */
const char *postgres_sqlstate(const struct postgres *postgres);

/* "schema" quoted as an SQL identifier, as {schema} is replaced by. */
const char *postgres_schema(const struct postgres *postgres);

#define POSTGRES_STATEMENT_TIMEOUT_MS 15000
/* For a process that must not be held up so long (the default is the line above). */
void postgres_set_timeout(struct postgres *postgres, int64_t statement_timeout_ms);

#endif

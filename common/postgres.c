/*
 * postgres.c - one connection to PostgreSQL with deadlines.             [worker, dispatcher]
 *
 * A connection that failed in any way is finished and never used again; the next call connects
 * anew. There is no terminal state.
 */
#include "common/postgres.h"

#include <errno.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/scoreboard.h"
#include "common/scoreboard_pulse.h"

#define CONNECT_TIMEOUT_MS 5000
#define LOOK_MS            250 /* how often who waits looks whether it is in vain */
/* A statement that was given up here ends there too. Poolers refuse start-up options they do not
 * know. */
#define SERVER_TIMEOUT "-c statement_timeout=20000"
#define RUN_TRIES      3

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

/* An SQL identifier in double quotes, inner ones doubled. */
static char *
quote_identifier(const char *name)
{
	size_t length = strlen(name);
	char *out = malloc(2 * length + 3);
	char *at = out;

	if (out == NULL)
		return NULL;
	*at++ = '"';
	for (; *name != '\0'; name++) {
		if (*name == '"')
			*at++ = '"';
		*at++ = *name;
	}
	*at++ = '"';
	*at = '\0';
	return out;
}

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
	postgres->schema = quote_identifier(address->schema);
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

static void
drop_connection(struct postgres *postgres)
{
	PQfinish(postgres->conn);
	postgres->conn = NULL;
	for (int i = 0; i < postgres->statement_count; i++)
		postgres->statements[i].on_server = false;
}

void
postgres_close(struct postgres *postgres)
{
	drop_connection(postgres);
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
	drop_connection(postgres);
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

/* Waits for the socket. False: the deadline is over, or nothing will come any more (in_vain). */
static bool
wait_for(struct postgres *postgres, short events, int64_t deadline_ms)
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

/* libpq's message without its trailing newline; it may name the host, never the password. */
static bool
fail_with_message(struct postgres *postgres, struct failure *why, enum failure_category category,
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

static bool
connect_within(struct postgres *postgres, int64_t deadline_ms, struct failure *why)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK) {
		short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;

		if (status == PGRES_POLLING_FAILED)
			return fail_with_message(postgres, why, FAILURE_AWAY, "cannot connect");
		if (!wait_for(postgres, events, deadline_ms))
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
		fail_with_message(postgres, why, FAILURE_AWAY, "cannot connect");
	else if (connect_within(postgres, deadline_ms, why)) {
		if (PQsetnonblocking(postgres->conn, 1) == 0)
			return true;
		fail_with_message(postgres, why, FAILURE_AWAY, "cannot connect");
	}
	drop_connection(postgres);
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
	drop_connection(postgres);
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

/* sql with every {schema} replaced; NULL when out of memory. */
static char *
with_schema(const struct postgres *postgres, const char *sql)
{
	static const char mark[] = "{schema}";
	const size_t mark_size = sizeof(mark) - 1;
	size_t schema_size = strlen(postgres->schema);
	size_t count = 0;
	char *out, *to;

	for (const char *at = sql; (at = strstr(at, mark)) != NULL; at += mark_size)
		count++;
	out = malloc(strlen(sql) + count * schema_size + 1);
	if (out == NULL)
		return NULL;
	to = out;
	for (const char *at; (at = strstr(sql, mark)) != NULL; sql = at + mark_size) {
		memcpy(to, sql, (size_t)(at - sql));
		to += at - sql;
		memcpy(to, postgres->schema, schema_size);
		to += schema_size;
	}
	memcpy(to, sql, strlen(sql) + 1);
	return out;
}

/* Behind a pooler one name may be prepared by several publishers; the same name is the same SQL
 * (FNV-1a).
 */
static void
name_on_server(struct prepared *entry)
{
	uint64_t digest = 14695981039346656037U;

	for (const char *at = entry->sql; *at != '\0'; at++)
		digest = (digest ^ (unsigned char)*at) * 1099511628211U;
	snprintf(entry->name, sizeof(entry->name), "%.40s_%016" PRIx64, entry->statement->name,
		 digest);
}

static struct prepared *
find_statement(struct postgres *postgres, const struct postgres_statement *statement)
{
	struct prepared *entry;

	for (int i = 0; i < postgres->statement_count; i++) {
		if (postgres->statements[i].statement == statement)
			return &postgres->statements[i];
	}
	if (postgres->statement_count == POSTGRES_STATEMENTS_MAX)
		return NULL;
	entry = &postgres->statements[postgres->statement_count];
	*entry = (struct prepared){.statement = statement,
				   .sql = with_schema(postgres, statement->sql)};
	if (entry->sql == NULL)
		return NULL;
	name_on_server(entry);
	postgres->statement_count++;
	return entry;
}

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

static bool
may_run_again(const char *sqlstate)
{
	/* Serialization, deadlock, lock timeout; a cached plan that a migration made stale, a
	 * statement a pooler forgot. */
	return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 ||
	       strcmp(sqlstate, "55P03") == 0 || strcmp(sqlstate, "0A000") == 0 ||
	       is_mixed_up(sqlstate);
}

/* Flushes what was queued and reads to the last result; the first error wins. NULL: *why is set. */
static PGresult *
collect(struct postgres *postgres, int64_t deadline_ms, struct failure *why)
{
	PGresult *kept = NULL, *next;

	postgres->heard_ms = clock_mono_ms();
	for (int left; (left = PQflush(postgres->conn)) != 0;) {
		if (left < 0 || !wait_for(postgres, POLLIN | POLLOUT, deadline_ms) ||
		    !PQconsumeInput(postgres->conn))
			goto lost;
	}
	for (;;) {
		while (PQisBusy(postgres->conn)) {
			if (!wait_for(postgres, POLLIN, deadline_ms) ||
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
	fail_with_message(postgres, why, FAILURE_AWAY, "the connection was lost or took too long");
	if (kept != NULL && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
		const char *primary = PQresultErrorField(kept, PG_DIAG_MESSAGE_PRIMARY);

		failure_set(why, FAILURE_AWAY, "PostgreSQL: %s", primary != NULL ? primary : "?");
	}
	PQclear(kept);
	drop_connection(postgres);
	return NULL;
}

/* Keeps good results; turns an error result into *why. */
static PGresult *
judge(struct postgres *postgres, PGresult *result, const char *name, struct failure *why)
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
		drop_connection(postgres);
	return NULL;
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
		result = collect(postgres, deadline_ms, why);
		if (result == NULL || (result = judge(postgres, result, name, why)) == NULL)
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
	result = collect(postgres, deadline_ms, why);
	return result == NULL ? NULL : judge(postgres, result, name, why);
not_sent:
	fail_with_message(postgres, why, FAILURE_AWAY, name);
	drop_connection(postgres);
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
			drop_connection(postgres);
	}
}

struct pg_result *
postgres_run(struct postgres *postgres, const struct postgres_statement *statement, int count,
	     const char *const *values, struct failure *why)
{
	struct prepared *entry = find_statement(postgres, statement);
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
		if (result != NULL || !may_run_again(postgres->sqlstate))
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
	char *text = with_schema(postgres, sql);
	PGresult *result = NULL;
	struct failure ignored;

	if (why == NULL)
		why = &ignored;
	postgres->sqlstate[0] = '\0';
	if (text == NULL) {
		failure_set(why, FAILURE_AWAY, "PostgreSQL: out of memory");
	} else if (postgres_connect(postgres, CONNECT_TIMEOUT_MS, why)) {
		if (!PQsendQuery(postgres->conn, text)) {
			fail_with_message(postgres, why, FAILURE_AWAY, "cannot send");
			drop_connection(postgres);
		} else {
			result = collect(postgres, clock_mono_ms() + postgres->statement_timeout_ms,
					 why);
			if (result != NULL)
				result = judge(postgres, result, "SQL", why);
		}
	}
	free(text);
	return (struct pg_result *)result;
}

/*
 * mirror.c - a real PostgreSQL beside the simulated one.                 [simulator]
 */
#include "tests/chaos/simulator/mirror.h"

#include <cjson/cJSON.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/chaos/simulator/mirror_rows.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/tables.h"

#define INVARIANT     "the model of worker/sql/ is PostgreSQL's"
#define BEGIN_JOURNAL 30 /* the column of begin.sql with the journal's files, in any order */

static const char begin_sql[] =
#include "worker/sql/begin.sql.h"
	;
static const char adopt_sql[] =
#include "worker/sql/adopt.sql.h"
	;
static const char submitted_sql[] =
#include "worker/sql/submitted.sql.h"
	;
static const char publishing_sql[] =
#include "worker/sql/publishing.sql.h"
	;
static const char published_sql[] =
#include "worker/sql/published.sql.h"
	;
static const char release_sql[] =
#include "worker/sql/release.sql.h"
	;
static const char failed_sql[] =
#include "worker/sql/failed.sql.h"
	;
static const char reject_sql[] =
#include "worker/sql/reject.sql.h"
	;
static const char outcome_sql[] =
#include "worker/sql/outcome.sql.h"
	;
static const char twins_sql[] =
#include "worker/sql/twins.sql.h"
	;
static const char own_post_sql[] =
#include "worker/sql/own_post.sql.h"
	;
static const char used_posts_sql[] =
#include "worker/sql/used_posts.sql.h"
	;
static const char release_dead_sql[] =
#include "worker/sql/release_dead.sql.h"
	;
static const char overdue_sql[] =
#include "worker/sql/overdue.sql.h"
	;
static const char keep_locks_sql[] =
#include "worker/sql/keep_locks.sql.h"
	;
static const char forget_steps_sql[] =
#include "worker/sql/forget_steps.sql.h"
	;
static const char token_lease_sql[] =
#include "worker/sql/token_lease.sql.h"
	;
static const char token_read_sql[] =
#include "worker/sql/token_read.sql.h"
	;
static const char token_store_sql[] =
#include "worker/sql/token_store.sql.h"
	;
static const char token_release_sql[] =
#include "worker/sql/token_release.sql.h"
	;
static const char token_refused_sql[] =
#include "worker/sql/token_refused.sql.h"
	;
static const char token_dead_sql[] =
#include "worker/sql/token_dead.sql.h"
	;

static const struct mirrored {
	const char *name, *sql;
	bool only_reads;   /* so that the rows need not be compared */
	bool in_any_order; /* its answer's rows */
} mirrored[] = {
	{.name = "publisher_begin", .sql = begin_sql},
	{.name = "publisher_adopt", .sql = adopt_sql},
	{.name = "publisher_submitted", .sql = submitted_sql},
	{.name = "publisher_publishing", .sql = publishing_sql},
	{.name = "publisher_published", .sql = published_sql},
	{.name = "publisher_release", .sql = release_sql},
	{.name = "publisher_failed", .sql = failed_sql},
	{.name = "publisher_reject", .sql = reject_sql},
	{.name = "publisher_outcome", .sql = outcome_sql},
	{.name = "publisher_twins", .sql = twins_sql, .only_reads = true, .in_any_order = true},
	{.name = "publisher_used_posts",
	 .sql = used_posts_sql,
	 .only_reads = true,
	 .in_any_order = true},
	{.name = "publisher_own_post", .sql = own_post_sql, .only_reads = true},
	{.name = "publisher_release_dead", .sql = release_dead_sql},
	{.name = "publisher_overdue", .sql = overdue_sql, .only_reads = true},
	{.name = "publisher_keep_locks", .sql = keep_locks_sql},
	{.name = "publisher_forget_steps", .sql = forget_steps_sql, .only_reads = true},
	{.name = "publisher_token_lease", .sql = token_lease_sql},
	{.name = "publisher_token_read", .sql = token_read_sql, .only_reads = true},
	{.name = "publisher_token_store", .sql = token_store_sql},
	{.name = "publisher_token_release", .sql = token_release_sql},
	{.name = "publisher_token_refused", .sql = token_refused_sql},
	{.name = "publisher_token_dead", .sql = token_dead_sql, .in_any_order = true},
};
#define MIRRORED (sizeof(mirrored) / sizeof(mirrored[0]))

static const char *server;
static PGconn *connection;
static int64_t told_ms; /* what the server's clock was set to */
/* Lies in memory that outlives the process that runs the histories. */
static struct counts {
	unsigned long long runs, answers; /* answers: with at least one row */
} * counts;

/* ---- the connection ---- */

static _Noreturn void
fail(const char *what)
{
	sim_violation("the mirror answers", "%s: %s", what, PQerrorMessage(connection));
}

/* The statement with the API server's schema in it. free() */
static char *
with_schema(const char *sql)
{
	static const char mark[] = "{schema}", schema[] = "public";
	char *out = calloc(1, strlen(sql) + 1), *end = out;
	const char *found;

	_Static_assert(sizeof(schema) <= sizeof(mark), "a statement never grows");
	if (out == NULL)
		abort();
	while ((found = strstr(sql, mark)) != NULL) {
		end = mempcpy(end, sql, (size_t)(found - sql));
		end = mempcpy(end, schema, sizeof(schema) - 1);
		sql = found + sizeof(mark) - 1;
	}
	memcpy(end, sql, strlen(sql) + 1);
	return out;
}

static void
prepare(const char *name, const char *sql)
{
	char *text = with_schema(sql);
	PGresult *result = PQprepare(connection, name, text, 0, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail(name);
	PQclear(result);
	free(text);
}

static void
connect_mirror(void)
{
	connection = PQconnectdb(server);
	if (PQstatus(connection) != CONNECTION_OK)
		fail("a connection");
	for (size_t i = 0; i < MIRRORED; i++)
		prepare(mirrored[i].name, mirrored[i].sql);
	prepare("rows", mirror_rows_query);
	prepare("clock", "SELECT set_config('clock.ms', $1, false)");
}

static PGresult *
run(const char *name, int count, const char *const *values)
{
	return PQexecPrepared(connection, name, count, values, NULL, NULL, 0);
}

static void
set_clock(void)
{
	char text[24];
	const char *const values[] = {text};
	PGresult *result;

	if (told_ms == tables_now_ms())
		return;
	told_ms = tables_now_ms();
	snprintf(text, sizeof(text), "%lld", (long long)told_ms);
	result = run("clock", 1, values);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail("its clock");
	PQclear(result);
}

void
mirror_open(const char *conninfo)
{
	server = conninfo;
	counts = mmap(NULL, MIRRORED * sizeof(*counts), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		abort();
}

void
mirror_forget_all(void)
{
	if (server == NULL)
		return;
	if (connection == NULL)
		connect_mirror();
	if (!mirror_rows_clear(connection))
		fail("its rows cannot be removed");
}

/* ---- answers ---- */

/* JSON arrays of which the order means nothing. */
static bool
same_elements(const cJSON *a, const cJSON *b)
{
	const cJSON *one, *other;

	if (!cJSON_IsArray(a) || !cJSON_IsArray(b) ||
	    cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
		return false;
	cJSON_ArrayForEach(one, a)
	{
		bool found = false;

		cJSON_ArrayForEach(other, b) found = found || cJSON_Compare(one, other, true);
		if (!found)
			return false;
	}
	return true;
}

static bool
same_json(const char *a, const char *b, bool in_any_order)
{
	cJSON *one = cJSON_Parse(a), *other = cJSON_Parse(b);
	bool same = one != NULL && other != NULL &&
		    (in_any_order ? same_elements(one, other) : cJSON_Compare(one, other, true));

	cJSON_Delete(one);
	cJSON_Delete(other);
	return same;
}

static const char *
value_of(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

static bool
same_value(const struct mirrored *m, int column, const char *model, const char *real)
{
	if (model == NULL || real == NULL)
		return model == real;
	if (strcmp(model, real) == 0)
		return true;
	return (model[0] == '[' || model[0] == '{') &&
	       same_json(model, real, m->sql == begin_sql && column == BEGIN_JOURNAL);
}

/* The first column that differs; -1: none does. */
static int
difference(const struct mirrored *m, const struct table *answer, int row, const PGresult *result,
	   int real_row)
{
	for (int column = 0; column < answer->columns; column++) {
		if (!same_value(m, column, answer->values[row][column],
				value_of(result, real_row, column)))
			return column;
	}
	return -1;
}

static bool
is_among(const struct mirrored *m, const struct table *answer, int row, const PGresult *result)
{
	for (int real_row = 0; real_row < PQntuples(result); real_row++) {
		if (difference(m, answer, row, result, real_row) < 0)
			return true;
	}
	return false;
}

static void
compare_row(const struct mirrored *m, const struct table *answer, int row, const PGresult *result)
{
	int column = difference(m, answer, row, result, row);

	if (column < 0 || (m->in_any_order && is_among(m, answer, row, result)))
		return;
	sim_violation(INVARIANT, "%s, row %d, column %d: the model %.200s, PostgreSQL %.200s",
		      m->name, row, column,
		      answer->values[row][column] != NULL ? answer->values[row][column] : "NULL",
		      PQgetisnull(result, row, column) ? "NULL" : PQgetvalue(result, row, column));
}

static void
compare_answers(const struct mirrored *m, const struct table *answer, const PGresult *result)
{
	if (answer->rows != PQntuples(result) ||
	    (answer->rows > 0 && answer->columns != PQnfields(result)))
		sim_violation(INVARIANT, "%s gives %d rows of %d columns, PostgreSQL %d of %d",
			      m->name, answer->rows, answer->columns, PQntuples(result),
			      PQnfields(result));
	for (int row = 0; row < answer->rows; row++)
		compare_row(m, answer, row, result);
}

static void
compare_states(const struct mirrored *m, const char *sqlstate, const PGresult *result)
{
	const char *real = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (strcmp(sqlstate, real != NULL ? real : "") != 0)
		sim_violation(INVARIANT, "%s ends with \"%s\", PostgreSQL: %s", m->name, sqlstate,
			      real != NULL ? PQresultErrorMessage(result) : "it ran");
}

/* ---- rows ---- */

/* Where two texts of lines part, the line in each. */
static void
tell_difference(const char *name, const char *model, const char *real)
{
	while (*model != '\0' && *real != '\0') {
		size_t size = strcspn(model, "\n"), real_size = strcspn(real, "\n");

		if (size != real_size || strncmp(model, real, size) != 0)
			break;
		model += size + (model[size] != '\0');
		real += size + (real[size] != '\0');
	}
	sim_violation(INVARIANT, "after %s the model has %.*s, PostgreSQL %.*s", name,
		      (int)strcspn(model, "\n"), model, (int)strcspn(real, "\n"), real);
}

static void
compare_rows(const char *name)
{
	PGresult *result = run("rows", 0, NULL);
	char *model = mirror_rows_text();

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		fail("its rows");
	if (strcmp(model, PQgetvalue(result, 0, 0)) != 0)
		tell_difference(name, model, PQgetvalue(result, 0, 0));
	free(model);
	PQclear(result);
}

/* ---- statements ---- */

void
mirror_before_statement(void)
{
	if (connection == NULL)
		return;
	set_clock();
	if (!mirror_rows_write_changes(connection))
		fail("what somebody else changed");
}

void
mirror_after_statement(const char *name, int count, const char *const *values,
		       const struct table *answer, const char *sqlstate)
{
	const struct mirrored *m = mirrored;
	PGresult *result;

	while (m < mirrored + MIRRORED && strcmp(m->name, name) != 0)
		m++;
	/* Only the probe's question has no file in worker/sql/. */
	if (connection == NULL || m == mirrored + MIRRORED)
		return;
	result = run(name, count, values);
	compare_states(m, sqlstate, result);
	if (sqlstate[0] == '\0')
		compare_answers(m, answer, result);
	PQclear(result);
	counts[m - mirrored].runs++;
	counts[m - mirrored].answers += answer->rows > 0;
	if (!m->only_reads)
		compare_rows(name);
	mirror_rows_remember();
}

bool
mirror_tell(void)
{
	bool all = true;

	for (size_t i = 0; i < MIRRORED; i++) {
		printf("# %s: %llu times, %llu with rows\n", mirrored[i].name, counts[i].runs,
		       counts[i].answers);
		all = all && counts[i].runs > 0;
	}
	return all;
}

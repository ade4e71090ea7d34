/*
 * sim_postgres.c - common/postgres.h over the simulated rows.           [simulator]
 *
 * As with Redis: a statement is on its way, takes effect in one step, and its answer is on its way.
 * libpq itself makes the results, so that the program reads them as ever.
 */
#include "common/postgres.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/checks.h"
#include "tests/chaos/simulator/process.h"
#include "tests/chaos/simulator/server.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/tables.h"

#define VALUES_MOST 16

struct postgres {
	bool connected;
	uint64_t epoch;
	int64_t timeout_ms;
	char sqlstate[8];
};

struct server postgres_server = {.up = true, .epoch = 1};

/* ---- connections ---- */

struct postgres *
postgres_new(const struct database_address *address, const char *application_name)
{
	struct postgres *postgres = calloc(1, sizeof(*postgres));

	(void)address;
	(void)application_name;
	if (postgres == NULL)
		abort();
	postgres->timeout_ms = POSTGRES_STATEMENT_TIMEOUT_MS;
	return postgres;
}

void
postgres_free(struct postgres *postgres)
{
	free(postgres);
}

void
postgres_close(struct postgres *postgres)
{
	postgres->connected = false;
}

void
postgres_count_in(struct postgres *postgres, struct scoreboard *board, int slot)
{
	(void)postgres;
	(void)board;
	(void)slot;
}

void
postgres_set_timeout(struct postgres *postgres, int64_t statement_timeout_ms)
{
	postgres->timeout_ms = statement_timeout_ms;
}

const char *
postgres_user(const struct postgres *postgres)
{
	(void)postgres;
	return "publisher";
}

const char *
postgres_sqlstate(const struct postgres *postgres)
{
	return postgres->sqlstate;
}

static bool
is_broken(const struct postgres *postgres)
{
	return !postgres_server.up || postgres->epoch != postgres_server.epoch;
}

bool
postgres_connect(struct postgres *postgres, int64_t timeout_ms, struct failure *why)
{
	if (postgres->connected)
		return true;
	process_latency();
	if (!postgres_server.up) {
		if (sim_chance(2000))
			process_wait(sim_now_ms() + timeout_ms, false);
		return failure_set(why, FAILURE_AWAY, "PostgreSQL: connection refused");
	}
	postgres->connected = true;
	postgres->epoch = postgres_server.epoch;
	return true;
}

bool
postgres_connected(const struct postgres *postgres)
{
	return postgres->connected;
}

/* ---- what arrives without its sender ---- */

struct request {
	const char *name;
	int count;
	const char *const *values;
};

struct late_statement {
	const char *name;
	uint64_t epoch;
	int count;
	char *values[VALUES_MOST];
};

static void
arrive(void *argument)
{
	struct late_statement *late = argument;
	const char *sqlstate;
	struct table table;

	if (postgres_server.up && late->epoch == postgres_server.epoch) {
		TRACE("- a late statement arrives at PostgreSQL: %s", late->name);
		check_before_statement(late->name, (const char *const *)late->values);
		(void)tables_run(late->name, late->count, (const char *const *)late->values, &table,
				 &sqlstate);
		table_free(&table);
	}
	for (int i = 0; i < late->count; i++)
		free(late->values[i]);
	free(late);
}

static void
detach(void *argument, int64_t effect_ms)
{
	const struct request *request = argument;
	struct late_statement *late = calloc(1, sizeof(*late));

	if (late == NULL || request->count > VALUES_MOST)
		abort();
	late->name = request->name;
	late->epoch = postgres_server.epoch;
	late->count = request->count;
	for (int i = 0; i < request->count; i++)
		late->values[i] = request->values[i] == NULL ? NULL : strdup(request->values[i]);
	sim_plan(effect_ms, arrive, late);
}

/* ---- results ---- */

static PGresult *
result_of(const struct table *table)
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[COLUMNS_MOST] = {{.name = NULL}};

	for (int i = 0; i < table->columns; i++)
		columns[i].name = (char *)(uintptr_t) "column";
	if (result == NULL || PQsetResultAttrs(result, table->columns, columns) == 0)
		abort();
	for (int row = 0; row < table->rows; row++) {
		for (int column = 0; column < table->columns; column++) {
			char *value = table->values[row][column];
			int size = value == NULL ? -1 : (int)strlen(value);

			if (PQsetvalue(result, row, column, value, size) == 0)
				abort();
		}
	}
	return result;
}

static struct pg_result *
lost(struct postgres *postgres, struct failure *why, const char *how)
{
	postgres->connected = false;
	postgres->sqlstate[0] = '\0';
	failure_set(why, FAILURE_AWAY, "PostgreSQL: %s", how);
	return NULL;
}

static PGresult *
execute(struct postgres *postgres, const struct request *request, struct failure *why)
{
	struct table table;
	const char *sqlstate;
	PGresult *result = NULL;

	check_before_statement(request->name, request->values);
	if (tables_run(request->name, request->count, request->values, &table, &sqlstate))
		result = result_of(&table);
	else
		failure_set(why, FAILURE_UNKNOWN, "PostgreSQL: duplicate key (%s)", sqlstate);
	snprintf(postgres->sqlstate, sizeof(postgres->sqlstate), "%s", sqlstate);
	table_free(&table);
	check_after_statement(request->name, request->values);
	return result;
}

struct pg_result *
postgres_run(struct postgres *postgres, const struct postgres_statement *statement, int count,
	     const char *const *values, struct failure *why)
{
	struct process *p = process_current();
	struct request request = {.name = statement->name, .count = count, .values = values};
	int64_t end_ms = sim_now_ms() + postgres->timeout_ms;
	PGresult *result;

	if (!postgres_connect(postgres, postgres->timeout_ms, why))
		return NULL;
	p->at = statement->name;
	p->detach = detach;
	p->request = &request;
	process_latency();
	p->detach = NULL;
	if (is_broken(postgres) || sim_now_ms() > end_ms)
		return lost(postgres, why, "connection lost");
	if (sim_strikes(weather.cut_postgres)) {
		sim_count(SIM_CUTS);
		if (sim_chance(4000)) {
			detach(&request, sim_now_ms() + sim_between(0, 2000));
			sim_count(SIM_LATE_EFFECTS);
		}
		TRACE("%s cut from PostgreSQL before %s", process_name(p), p->at);
		return lost(postgres, why, "connection lost before the statement ran");
	}
	result = execute(postgres, &request, why);
	process_latency();
	if (is_broken(postgres) || sim_now_ms() > end_ms || sim_strikes(weather.cut_postgres)) {
		sim_count(SIM_CUTS);
		TRACE("%s cut from PostgreSQL after %s", process_name(p), p->at);
		PQclear(result);
		return (struct pg_result *)lost(postgres, why, "connection lost before the answer");
	}
	return (struct pg_result *)result;
}

/* The journal's schema is there and up to date: what journal_prepare() asks is a single value. */
struct pg_result *
postgres_run_text(struct postgres *postgres, const char *sql, struct failure *why)
{
	struct table table = {.rows = 1, .columns = 1};
	PGresult *result;

	if (!postgres_connect(postgres, postgres->timeout_ms, why))
		return NULL;
	process_latency();
	if (is_broken(postgres))
		return lost(postgres, why, "connection lost");
	table.values[0][0] = (char *)(uintptr_t)(strstr(sql, "to_regclass") != NULL ? "t" : "1");
	result = result_of(&table);
	return (struct pg_result *)result;
}

/* ---- the server ---- */

void
server_postgres_down(void)
{
	if (!postgres_server.up)
		return;
	postgres_server.up = false;
	postgres_server.epoch++;
	TRACE("- PostgreSQL is down");
}

void
server_postgres_up(void)
{
	postgres_server.up = true;
	TRACE("- PostgreSQL is up");
}

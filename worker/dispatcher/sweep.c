/*
 * sweep.c - PostgreSQL is compared with the queue.                      [dispatcher]
 */
#include "worker/dispatcher/sweep.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/postgres.h"
#include "common/queue/queue.h"
#include "common/scoreboard.h"
#include "worker/job_data.h"
#include "worker/producer.h"

#define PAGE          "200"
#define KEEP_LOCKS_MS (60 * 1000)
#define PAGE_ROWS     200

static const char overdue_sql[] =
#include "worker/sql/overdue.sql.h"
	;
static const char keep_locks_sql[] =
#include "worker/sql/keep_locks.sql.h"
	;
static const char forget_steps_sql[] =
#include "worker/sql/forget_steps.sql.h"
	;

static const struct postgres_statement overdue = {.name = "publisher_overdue", .sql = overdue_sql};
static const struct postgres_statement keep_locks = {.name = "publisher_keep_locks",
						     .sql = keep_locks_sql};
static const struct postgres_statement forget_steps = {.name = "publisher_forget_steps",
						       .sql = forget_steps_sql};

/* Whether a job in this state will not get its due deviation published by itself. */
static bool
needs_job(const char *state, int64_t due_ms, bool worked)
{
	if (strcmp(state, "missing") == 0 || strcmp(state, "completed") == 0 ||
	    strcmp(state, "failed") == 0 || strcmp(state, "unknown") == 0)
		return true;
	/* A job that was never claimed and comes later than its row: the date was moved forward,
	 * the job was not. */
	return strcmp(state, "delayed") == 0 && !worked && due_ms > clock_wall_ms() + 5000;
}

static bool
requeue(struct desk *desk, const PGresult *rows, int row, const char *id, const char *state,
	struct failure *why)
{
	const struct producer_job job = {
		.deviation_id = PQgetvalue(rows, row, 0),
		.user_id = PQgetvalue(rows, row, 1),
		.upload_mode = PQgetvalue(rows, row, 2),
		.priority = PRODUCER_RECOVERY_PRIORITY,
		.attempts = desk->config->max_attempts,
		.replace_finished = true,
	};
	enum queue_added added;
	bool removed;

	if ((strcmp(state, "delayed") == 0 || strcmp(state, "unknown") == 0) &&
	    !queue_remove(desk->queue, id, &removed, why))
		return false;
	if (!producer_add(desk->queue, &job, &added, why))
		return false;
	if (added == QUEUE_ADDED) {
		scoreboard_count(desk->board, SCOREBOARD_DISPATCHER, COUNTER_REQUEUED, 1);
		log_event(LOG_WARN,
			  "A due deviation had no job that would publish it; it is in the queue "
			  "again",
			  (struct log_field[]){LOG_STR("deviationId", job.deviation_id),
					       LOG_STR("jobState", state), LOG_END});
	}
	return true;
}

/* Deviations without a job that would publish them: the next page of them, or `only` one. */
static PGresult *
read_overdue(struct desk *desk, const char *after, const char *only, struct failure *why)
{
	const char *const values[] = {PAGE, after, only};

	return POSTGRES_RESULT(postgres_run(desk->postgres, &overdue, 3, values, why));
}

/*
 * *still: the row is as it was listed. A job that ended after the list was read ended with its row,
 * which is written before the job moves: what was read after the job's state is the truth.
 */
static bool
is_still_overdue(struct desk *desk, const char *deviation_id, bool *still, struct failure *why)
{
	PGresult *row = read_overdue(desk, "", deviation_id, why);

	*still = row != NULL && PQntuples(row) == 1;
	PQclear(row);
	return row != NULL;
}

/* *redis: which of the two servers failed. */
static bool
look_at_row(struct desk *desk, const PGresult *rows, int row, bool *redis, struct failure *why)
{
	char id[JOB_DATA_TEXT_MAX + 16], state[24];
	bool worked = PQgetvalue(rows, row, 4)[0] == 't', still;
	int64_t due_ms = 0;

	*redis = true;
	if (!producer_job_id(PQgetvalue(rows, row, 0), id, sizeof(id)))
		return true; /* no job of ours can have such an id */
	if (!queue_job_state(desk->queue, id, state, &due_ms, why))
		return false;
	if (!needs_job(state, due_ms, worked))
		return true;
	if (!is_still_overdue(desk, PQgetvalue(rows, row, 0), &still, why)) {
		*redis = false;
		return false;
	}
	return !still || requeue(desk, rows, row, id, state, why);
}

static bool
run_plain(struct desk *desk, const struct postgres_statement *statement, struct failure *why)
{
	PGresult *result = POSTGRES_RESULT(postgres_run(desk->postgres, statement, 0, NULL, why));

	PQclear(result);
	return result != NULL;
}

/* What is done once a round, at its end. */
static bool
end_round(struct sweep *sweep, struct desk *desk, struct failure *why)
{
	sweep->after[0] = '\0';
	sweep->next_ms = clock_mono_ms() + desk->config->reconcile_interval_ms;
	return run_plain(desk, &forget_steps, why);
}

bool
sweep_run(struct sweep *sweep, struct desk *desk, bool *redis_failed, struct failure *why)
{
	PGresult *rows;
	bool done = true;
	int count;

	*redis_failed = false;
	if (clock_mono_ms() >= sweep->keep_ms) {
		sweep->keep_ms = clock_mono_ms() + KEEP_LOCKS_MS;
		if (!run_plain(desk, &keep_locks, why))
			return false;
	}
	if (clock_mono_ms() < sweep->next_ms)
		return true;
	rows = read_overdue(desk, sweep->after, NULL, why);
	if (rows == NULL)
		return false;
	count = PQntuples(rows);
	for (int row = 0; done && row < count; row++) {
		done = look_at_row(desk, rows, row, redis_failed, why);
		if (done)
			snprintf(sweep->after, sizeof(sweep->after), "%s",
				 PQgetvalue(rows, row, 0));
	}
	PQclear(rows);
	if (!done)
		return false;
	*redis_failed = false;
	return count == PAGE_ROWS || end_round(sweep, desk, why);
}

/*
 * enqueue.c - the command `isekai-publisher enqueue ID...`.
 */
#include "worker/enqueue.h"

#include <cjson/cJSON.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/postgres.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "worker/producer.h"

static const char find_jobs_sql[] =
#include "worker/sql/find_jobs.sql.h"
	;
static const struct postgres_statement find_jobs = {.name = "publisher_find_jobs",
						    .sql = find_jobs_sql};

static PGresult *
find(struct postgres *postgres, int count, char *const *ids, struct failure *why)
{
	cJSON *array = cJSON_CreateArray();
	PGresult *rows = NULL;
	char *json;

	for (int i = 0; i < count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(ids[i]));
	json = cJSON_PrintUnformatted(array);
	cJSON_Delete(array);
	if (json == NULL) {
		failure_set(why, FAILURE_AWAY, "out of memory");
	} else {
		const char *const values[] = {json};

		rows = POSTGRES_RESULT(postgres_run(postgres, &find_jobs, 1, values, why));
	}
	cJSON_free(json);
	return rows;
}

static int
find_row(const PGresult *rows, const char *id)
{
	for (int row = 0; row < PQntuples(rows); row++) {
		if (strcmp(PQgetvalue(rows, row, 0), id) == 0)
			return row;
	}
	return -1;
}

/* NULL: it may be enqueued; else why a publisher would do nothing with it. */
static const char *
objection(const PGresult *rows, int row)
{
	const char *status = PQgetvalue(rows, row, 3);

	if (strcmp(status, "published") == 0)
		return "is published already";
	if (strcmp(status, "draft") == 0 || strcmp(status, "review") == 0)
		return "is a draft or in review: schedule it first";
	if (strcmp(PQgetvalue(rows, row, 5), "0") == 0)
		return "has no files";
	return NULL;
}

/* What became of one deviation: EXIT_SUCCESS, EXIT_FAILURE, or EX_UNAVAILABLE where Redis is away.
 */
static int
enqueue_one(const struct config *config, struct queue *queue, const PGresult *rows, const char *id)
{
	int row = find_row(rows, id);
	const char *no = row < 0 ? "does not exist" : objection(rows, row);
	struct producer_job job = {
		.deviation_id = id, .attempts = config->max_attempts, .replace_finished = true};
	enum queue_added added;
	struct failure why;

	if (no != NULL) {
		fprintf(stderr, "isekai-publisher: deviation %s %s\n", id, no);
		return EXIT_FAILURE;
	}
	job.user_id = PQgetvalue(rows, row, 1);
	job.upload_mode = PQgetvalue(rows, row, 2);
	if (strcmp(PQgetvalue(rows, row, 3), "scheduled") == 0)
		job.delay_ms = strtoll(PQgetvalue(rows, row, 4), NULL, 10);
	if (!producer_add(queue, &job, &added, &why)) {
		fprintf(stderr, "isekai-publisher: deviation %s: %s\n", id, why.message);
		return why.category == FAILURE_AWAY ? EX_UNAVAILABLE : EXIT_FAILURE;
	}
	if (added == QUEUE_ADD_EXISTS)
		printf("deviation-%s is in the queue already\n", id);
	else if (job.delay_ms > 0)
		printf("deviation-%s added, due in %lld s\n", id, (long long)(job.delay_ms / 1000));
	else
		printf("deviation-%s added\n", id);
	return EXIT_SUCCESS;
}

int
enqueue_command(const struct config *config, int count, char *const *deviation_ids)
{
	const struct queue_settings settings = {.prefix = config->queue_prefix,
						.name = config->queue_name,
						.lock_duration_ms = config->lock_duration_ms,
						.default_attempts = config->max_attempts};
	struct redis *redis = redis_new(&config->redis, NULL);
	struct postgres *postgres = postgres_new(&config->database, "isekai-publisher enqueue");
	struct queue *queue = redis == NULL ? NULL : queue_new(redis, &settings);
	struct failure why = {.message = "out of memory"};
	PGresult *rows = queue == NULL || postgres == NULL
				 ? NULL
				 : find(postgres, count, deviation_ids, &why);
	int exit_status = EXIT_SUCCESS;

	if (rows == NULL) {
		fprintf(stderr, "isekai-publisher: %s\n", why.message);
		exit_status = why.category == FAILURE_UNKNOWN ? EXIT_FAILURE : EX_UNAVAILABLE;
	}
	for (int i = 0; rows != NULL && i < count; i++) {
		int became = enqueue_one(config, queue, rows, deviation_ids[i]);

		if (became > exit_status) /* 69 says more than 1 */
			exit_status = became;
	}
	PQclear(rows);
	queue_free(queue);
	postgres_free(postgres);
	redis_free(redis);
	return exit_status;
}

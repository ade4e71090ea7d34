/*
 * recovery.c - jobs of dead processes go back to the queue.             [dispatcher]
 */
#include "worker/dispatcher/recovery.h"

#include <cjson/cJSON.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/identity.h"
#include "common/log.h"
#include "common/postgres.h"
#include "common/queue/queue.h"
#include "common/scoreboard.h"

static const char release_dead_sql[] =
#include "worker/sql/release_dead.sql.h"
	;
static const struct postgres_statement release_dead = {.name = "publisher_release_dead",
						       .sql = release_dead_sql};

static const char job_id_prefix[] = "deviation-";

static const char *
member(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text != NULL ? text : "";
}

static bool
tell_postgres(struct desk *desk, const char *ids_json, const char *token, bool blames_jobs)
{
	const char *const values[] = {ids_json, token, blames_jobs ? "true" : "false"};
	struct failure why;
	PGresult *result;

	if (!desk->postgres_up || !desk->journal_ready)
		return false;
	result = POSTGRES_RESULT(postgres_run(desk->postgres, &release_dead, 3, values, &why));
	if (result == NULL)
		desk_postgres_failed(desk, &why);
	PQclear(result);
	return result != NULL;
}

static void
remember_untold(struct desk *desk, const char *token)
{
	if (desk->untold_count == DESK_UNTOLD) {
		memmove(desk->untold[0], desk->untold[1],
			sizeof(desk->untold) - sizeof(desk->untold[0]));
		desk->untold_count--;
	}
	snprintf(desk->untold[desk->untold_count++], SCOREBOARD_TOKEN_SIZE, "%s", token);
}

/* The rows of a token's jobs; what cannot be reached stays locked in our own format, which the
 * jobs' next claims take over. */
static void
release_rows(struct desk *desk, const cJSON *jobs, const char *token, bool blames_jobs)
{
	cJSON *ids = cJSON_CreateArray();
	const cJSON *job;
	char *json;

	cJSON_ArrayForEach(job, jobs)
	{
		const char *id = member(job, "id");

		if (strcmp(member(job, "token"), token) == 0 &&
		    strncmp(id, job_id_prefix, strlen(job_id_prefix)) == 0)
			cJSON_AddItemToArray(ids, cJSON_CreateString(id + strlen(job_id_prefix)));
	}
	/* Also for none: the dead may have held the lease of a token. */
	json = cJSON_PrintUnformatted(ids);
	if (json == NULL || !tell_postgres(desk, json, token, blames_jobs))
		remember_untold(desk, token);
	cJSON_free(json);
	cJSON_Delete(ids);
}

void
recovery_tell_postgres(struct desk *desk)
{
	while (desk->untold_count > 0 &&
	       tell_postgres(desk, "[]", desk->untold[desk->untold_count - 1], true))
		desk->untold_count--;
}

static bool
hand_back(struct desk *desk, const cJSON *jobs, const char *token, bool blames_jobs,
	  struct failure *why)
{
	char *ids = NULL;
	cJSON *list;
	int count;

	release_rows(desk, jobs, token, blames_jobs);
	if (!queue_hand_back(desk->queue, token, &ids, why))
		return false;
	list = cJSON_Parse(ids);
	count = cJSON_GetArraySize(list);
	cJSON_Delete(list);
	if (count > 0) {
		scoreboard_count(desk->board, SCOREBOARD_DISPATCHER, COUNTER_HANDED_BACK,
				 (uint64_t)count);
		log_event(LOG_WARN, "Jobs of a dead process are back in the queue",
			  (struct log_field[]){LOG_STR("token", token), LOG_STR("jobIds", ids),
					       LOG_INT("count", count), LOG_END});
	}
	free(ids);
	return true;
}

bool
recovery_of_recorded(struct desk *desk, struct failure *why)
{
	char token[SCOREBOARD_TOKEN_SIZE];
	uint64_t serial;
	size_t at = 0;

	while (scoreboard_death_next(desk->board, &at, &serial, token)) {
		char *json = NULL;
		cJSON *jobs;
		bool done;

		if (!queue_active_tokens(desk->queue, token, &json, why))
			return false;
		jobs = cJSON_Parse(json);
		free(json);
		done = hand_back(desk, jobs, token, scoreboard_death_blames_job(serial), why);
		cJSON_Delete(jobs);
		if (!done)
			return false;
		scoreboard_death_confirmed(desk->board, serial);
	}
	return true;
}

static bool
hand_back_orphans(struct desk *desk, const cJSON *jobs, struct failure *why)
{
	const cJSON *job;

	cJSON_ArrayForEach(job, jobs)
	{
		const char *token = member(job, "token");

		/* One token's jobs all go back at its first; the second time finds nothing. */
		if (identity_supervisor_is_dead(token) && !hand_back(desk, jobs, token, true, why))
			return false;
	}
	return true;
}

bool
recovery_of_orphans(struct desk *desk, struct failure *why)
{
	char prefix[IDENTITY_INSTANCE_SIZE];
	char *json = NULL;
	cJSON *jobs;
	bool done;

	if (!identity_local_prefix(prefix))
		return true; /* without /proc nothing can be proven; the stalled check does it */
	if (!queue_active_tokens(desk->queue, prefix, &json, why))
		return false;
	jobs = cJSON_Parse(json);
	free(json);
	done = hand_back_orphans(desk, jobs, why);
	cJSON_Delete(jobs);
	return done;
}

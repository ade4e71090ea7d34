/*
 * job_end.c - what the queue will be told of a job.                     [worker]
 */
#include "worker/job_internal.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_memory.h"
#include "common/log.h"
#include "worker/chance.h"
#include "worker/retry.h"

#define LOST_LOOK_MS  500
#define TELL_AGAIN_MS 500

void
job_end_clear(struct job_end *end)
{
	free(end->return_value);
	end->return_value = NULL;
}

void
job_end_defer(struct work *w, enum wait_reason wait, int64_t delay_ms)
{
	w->end->wait = wait;
	w->end->kind = JOB_END_DEFER;
	w->end->delay_ms = delay_ms > 1 ? delay_ms : 1;
}

void
job_end_with_reason(struct work *w, enum job_end_kind kind, const struct failure *why)
{
	w->end->kind = kind;
	w->end->category = why->category;
	snprintf(w->end->reason, sizeof(w->end->reason), "%s", why->message);
}

/* {"success": true, "results": [...], ...}; flag names a further member that is true, NULL = none.
 */
void
job_end_complete(struct work *w, const char *flag)
{
	const struct deviation *d = w->deviation;
	unsigned denied = json_memory_denied();
	cJSON *value = cJSON_CreateObject();
	const bool success = cJSON_AddTrueToObject(value, "success") != NULL;
	cJSON *results = success ? cJSON_AddArrayToObject(value, "results") : NULL;
	size_t count = w->publishing.file_count;

	for (size_t i = 0; flag == NULL && i < count; i++) {
		cJSON *entry = cJSON_CreateObject();

		cJSON_AddItemToObject(entry, "deviationId",
				      d->files[i].deviation_id != NULL
					      ? cJSON_CreateString(d->files[i].deviation_id)
					      : cJSON_CreateNull());
		cJSON_AddItemToObject(entry, "url",
				      d->files[i].url != NULL ? cJSON_CreateString(d->files[i].url)
							      : cJSON_CreateNull());
		cJSON_AddItemToArray(results, entry);
	}
	if (flag != NULL && strcmp(flag, "alreadyPublished") == 0) {
		cJSON *entry = cJSON_CreateObject();

		cJSON_AddItemToObject(entry, "deviationId",
				      d->deviation_id != NULL ? cJSON_CreateString(d->deviation_id)
							      : cJSON_CreateNull());
		cJSON_AddItemToObject(entry, "url",
				      d->deviation_url != NULL
					      ? cJSON_CreateString(d->deviation_url)
					      : cJSON_CreateNull());
		cJSON_AddItemToArray(results, entry);
	}
	if (flag != NULL)
		cJSON_AddTrueToObject(value, flag);
	w->end->kind = JOB_END_COMPLETE;
	w->end->return_value = cJSON_PrintUnformatted(value);
	cJSON_Delete(value);
	if (json_memory_denied() == denied)
		return;
	/* The row says what became of the post; the next claim only has to tell the queue. */
	log_event(LOG_WARN, "out of memory for the job's result; it is told again", NULL);
	job_end_clear(w->end);
	job_end_defer(w, WAIT_SERVER, TELL_AGAIN_MS);
}

void
job_end_with_cleanup(struct work *w)
{
	w->end->add_cleanup = true;
	snprintf(w->end->deviation_id, sizeof(w->end->deviation_id), "%s", w->data.deviation_id);
	snprintf(w->end->user_id, sizeof(w->end->user_id), "%s", w->data.user_id);
}

/* PostgreSQL could not be told: nothing moves on that the row does not say. The job waits and is
 * looked at again. */
void
job_end_database_away(struct work *w, const struct failure *why)
{
	log_failure(LOG_WARN, "PostgreSQL cannot be told; the job waits", why, NULL);
	w->end->category = why->category;
	if (why->category == FAILURE_LOST) {
		job_end_defer(w, WAIT_LOST, LOST_LOOK_MS);
		return;
	}
	w->end->database_away = true;
	w->tools->database_streak++;
	job_end_defer(
		w, WAIT_SERVER,
		retry_away_ms(w->tools->database_streak, (double)chance_below(1000001) / 1e6));
}

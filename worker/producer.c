/*
 * producer.c - the job of a deviation, as the API server adds it.        [dispatcher, enqueue
 * command]
 */
#include "worker/producer.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "worker/job_data.h"

#define KEEP_COMPLETED "{\"age\":3600,\"count\":1000}"
#define KEEP_FAILED    "{\"age\":86400,\"count\":5000}"

bool
producer_job_id(const char *deviation_id, char *out, size_t out_size)
{
	return snprintf(out, out_size, "deviation-%s", deviation_id) < (int)out_size;
}

bool
producer_add(struct queue *queue, const struct producer_job *job, enum queue_added *added,
	     struct failure *why)
{
	cJSON *data = cJSON_CreateObject();
	char *json = NULL, id[JOB_DATA_TEXT_MAX + 16];
	bool done = false;

	cJSON_AddStringToObject(data, "deviationId", job->deviation_id);
	cJSON_AddStringToObject(data, "userId", job->user_id);
	cJSON_AddStringToObject(data, "uploadMode", job->upload_mode);
	json = cJSON_PrintUnformatted(data);
	cJSON_Delete(data);
	if (json == NULL) {
		failure_set(why, FAILURE_AWAY, "out of memory");
	} else if (!producer_job_id(job->deviation_id, id, sizeof(id))) {
		failure_set(why, FAILURE_VALIDATION_ERROR,
			    "the deviation's id is too long for a job id");
	} else {
		const struct queue_add add = {
			.id = id,
			.name = JOB_NAME,
			.data = json,
			.delay_ms = job->delay_ms > 0 ? job->delay_ms : 0,
			.priority = job->priority,
			.attempts = job->attempts,
			.remove_on_complete_json = KEEP_COMPLETED,
			.remove_on_fail_json = KEEP_FAILED,
			.replace_finished = job->replace_finished,
		};

		done = queue_add(queue, &add, added, why);
	}
	cJSON_free(json);
	return done;
}

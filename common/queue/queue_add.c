/*
 * queue_add.c - the producer's side, and single jobs by their id (5).  [worker, dispatcher,
 * enqueue]
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>

#include "common/queue/queue_internal.h"

#define PRIORITY_MAX 2097151
#define DELAY_MAX_MS 31536000000000LL /* a thousand years */

/* BullMQ's rules for a custom id (5.1): it must not be taken for a number of the counter or for a
 * key. */
static bool
id_is_good(const char *id, struct failure *why)
{
	if (id[0] == '\0')
		return failure_set(why, FAILURE_VALIDATION_ERROR, "a job id must not be empty");
	if (id[strspn(id, "0123456789")] == '\0' ||
	    (id[0] == '-' && id[1] != '\0' && id[1 + strspn(id + 1, "0123456789")] == '\0'))
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "a job id must not be a whole number");
	if (strchr(id, ':') != NULL)
		return failure_set(why, FAILURE_VALIDATION_ERROR, "a job id must not contain ':'");
	return true;
}

static bool
job_is_good(const struct queue_add *job, struct failure *why)
{
	const struct {
		const char *name, *json;
	} texts[] = {
		{"data", job->data},
		{"backoff", job->backoff_json},
		{"removeOnComplete", job->remove_on_complete_json},
		{"removeOnFail", job->remove_on_fail_json},
	};

	if (job->id != NULL && !id_is_good(job->id, why))
		return false;
	if (job->priority < 0 || job->priority > PRIORITY_MAX)
		return failure_set(why, FAILURE_VALIDATION_ERROR, "priority must be from 0 to %d",
				   PRIORITY_MAX);
	if (job->delay_ms < 0 || job->delay_ms > DELAY_MAX_MS || job->attempts < 0)
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "delay and attempts must not be negative");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].json != NULL && !queue_json_is_valid(texts[i].json))
			return failure_set(why, FAILURE_VALIDATION_ERROR, "%s is not JSON",
					   texts[i].name);
	return true;
}

static bool
add_raw(cJSON *opts, const char *name, const char *json)
{
	return json == NULL || cJSON_AddRawToObject(opts, name, json) != NULL;
}

/* What the Job constructor keeps of the options: `attempts` always, the rest where it was given. */
static char *
options_json(const struct queue_add *job)
{
	cJSON *opts = cJSON_CreateObject();
	char *json = NULL;

	if (opts != NULL && cJSON_AddNumberToObject(opts, "attempts", job->attempts) != NULL &&
	    (job->id == NULL || cJSON_AddStringToObject(opts, "jobId", job->id) != NULL) &&
	    (job->priority == 0 ||
	     cJSON_AddNumberToObject(opts, "priority", job->priority) != NULL) &&
	    (job->delay_ms == 0 ||
	     cJSON_AddNumberToObject(opts, "delay", (double)job->delay_ms) != NULL) &&
	    add_raw(opts, "backoff", job->backoff_json) &&
	    add_raw(opts, "removeOnComplete", job->remove_on_complete_json) &&
	    add_raw(opts, "removeOnFail", job->remove_on_fail_json))
		json = cJSON_PrintUnformatted(opts);
	cJSON_Delete(opts);
	return json;
}

static void
add_args(struct queue_args *args, const struct queue *queue, const struct queue_add *job,
	 const char *opts)
{
	queue_args_init(args, queue);
	queue_args_text(args, job->id);
	queue_args_text(args, job->name);
	queue_args_text(args, job->data != NULL ? job->data : "{}");
	queue_args_text(args, opts);
	queue_args_int(args, job->delay_ms);
	queue_args_int(args, job->priority);
	queue_args_text(args, job->replace_finished ? "1" : "0");
}

bool
queue_add(struct queue *queue, const struct queue_add *job, enum queue_added *added,
	  struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply = NULL;
	char *opts;
	bool ok;

	if (!job_is_good(job, why))
		return false;
	opts = options_json(job);
	if (opts == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory for a job's options");
	add_args(&args, queue, job, opts);
	reply = queue_run(queue, QUEUE_SCRIPT_ADD, &args, why);
	free(opts);
	if (reply == NULL)
		return false;
	ok = queue_reply_is_array(reply, 2, why);
	if (ok)
		*added =
			queue_reply_kind(reply->element[1]) == '1' ? QUEUE_ADDED : QUEUE_ADD_EXISTS;
	redis_reply_free(reply);
	return ok;
}

bool
queue_add_unwatched(struct queue *queue, const struct queue_add *job, struct failure *why)
{
	struct queue_args args;
	char *opts;
	bool ok;

	if (!job_is_good(job, why))
		return false;
	opts = options_json(job);
	if (opts == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory for a job's options");
	add_args(&args, queue, job, opts);
	ok = queue_run_unwatched(queue, QUEUE_SCRIPT_ADD, &args, why);
	free(opts);
	return ok;
}

struct redisReply *
queue_run_state(struct queue *queue, enum queue_script script, const char *id, char state[24],
		struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply;

	queue_args_init(&args, queue);
	queue_args_text(&args, id);
	reply = queue_run(queue, script, &args, why);
	if (reply == NULL)
		return NULL;
	if (queue_reply_is_array(reply, 2, why)) {
		if (queue_reply_kind(reply->element[0]) != '\0') {
			memset(state, 0, 24);
			strncpy(state, reply->element[0]->str, 23);
			return reply;
		}
		failure_set(why, FAILURE_UNKNOWN, "Redis: a job's state has no name");
	}
	redis_reply_free(reply);
	return NULL;
}

bool
queue_job_state(struct queue *queue, const char *id, char state[24], int64_t *due_ms,
		struct failure *why)
{
	struct redisReply *reply = queue_run_state(queue, QUEUE_SCRIPT_STATE, id, state, why);

	if (reply == NULL)
		return false;
	*due_ms = queue_reply_int(reply->element[1], 0, INT64_MAX / 2, 0);
	redis_reply_free(reply);
	return true;
}

bool
queue_remove(struct queue *queue, const char *id, bool *removed, struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply;

	queue_args_init(&args, queue);
	queue_args_text(&args, id);
	reply = queue_run(queue, QUEUE_SCRIPT_REMOVE_JOB, &args, why);
	if (reply == NULL)
		return false;
	*removed = queue_reply_int(reply, 0, 1, 0) == 1;
	redis_reply_free(reply);
	return true;
}

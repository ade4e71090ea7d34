/*
 * queue_options.c - reads a job's `opts` (3.2) and writes its stack trace (9.1).   [worker]
 *
 * Whatever stands there, the job can be run: what is missing or of the wrong type counts as absent.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/json_memory.h"
#include "common/queue/queue_internal.h"

#define KEEP_LIMIT_DEFAULT 1000
#define NUMBER_MAX         1000000000000LL

/* A whole number within bounds; `otherwise` if the item is none or below `least`. */
static int64_t
number_of(const cJSON *item, int64_t least, int64_t otherwise)
{
	double value;

	if (!cJSON_IsNumber(item))
		return otherwise;
	value = floor(item->valuedouble);
	if (isnan(value) || value < (double)least)
		return otherwise;
	return value > (double)NUMBER_MAX ? NUMBER_MAX : (int64_t)value;
}

static struct queue_keep
keep_of(const cJSON *item)
{
	struct queue_keep keep = {.count = -1, .age_s = -1, .limit = KEEP_LIMIT_DEFAULT};
	const cJSON *age;

	if (cJSON_IsTrue(item)) {
		keep.count = 0;
	} else if (cJSON_IsNumber(item)) {
		keep.count = number_of(item, 0, -1);
	} else if (cJSON_IsObject(item)) {
		keep.count = number_of(cJSON_GetObjectItemCaseSensitive(item, "count"), 0, -1);
		keep.limit = number_of(cJSON_GetObjectItemCaseSensitive(item, "limit"), 1,
				       KEEP_LIMIT_DEFAULT);
		age = cJSON_GetObjectItemCaseSensitive(item, "age");
		if (cJSON_IsNumber(age) && age->valuedouble >= 0)
			keep.age_s = age->valuedouble < (double)NUMBER_MAX ? age->valuedouble
									   : (double)NUMBER_MAX;
	}
	return keep;
}

static void
read_backoff(struct queue_backoff *backoff, const cJSON *item)
{
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(item, "type");
	const cJSON *jitter = cJSON_GetObjectItemCaseSensitive(item, "jitter");

	if (cJSON_IsNumber(item)) {
		backoff->kind = QUEUE_BACKOFF_FIXED;
		backoff->delay_ms = number_of(item, 0, 0);
		return;
	}
	if (!cJSON_IsObject(item))
		return;
	backoff->kind = QUEUE_BACKOFF_UNKNOWN;
	if (cJSON_IsString(type) && strcmp(type->valuestring, "fixed") == 0)
		backoff->kind = QUEUE_BACKOFF_FIXED;
	else if (cJSON_IsString(type) && strcmp(type->valuestring, "exponential") == 0)
		backoff->kind = QUEUE_BACKOFF_EXPONENTIAL;
	backoff->delay_ms = number_of(cJSON_GetObjectItemCaseSensitive(item, "delay"), 0, 0);
	if (cJSON_IsNumber(jitter) && jitter->valuedouble > 0)
		backoff->jitter = jitter->valuedouble < 1 ? jitter->valuedouble : 1;
}

bool
queue_options_read(struct queue_job *job, const char *json, int default_attempts)
{
	unsigned denied = json_memory_denied();
	cJSON *opts = json != NULL ? cJSON_ParseWithOpts(json, NULL, 1) : NULL;
	struct queue_job_options *options = job->options;
	int64_t attempts;

	/* Readers of every version take a job without options as one with {}. */
	job->options_broken = json != NULL && !cJSON_IsObject(opts);
	if (job->options_broken) {
		cJSON_Delete(opts);
		opts = NULL;
	}
	attempts =
		number_of(cJSON_GetObjectItemCaseSensitive(opts, "attempts"), 1, default_attempts);
	job->max_attempts = attempts > INT_MAX ? INT_MAX : (int)attempts;
	read_backoff(&job->backoff, cJSON_GetObjectItemCaseSensitive(opts, "backoff"));
	options->complete = keep_of(cJSON_GetObjectItemCaseSensitive(opts, "removeOnComplete"));
	options->fail = keep_of(cJSON_GetObjectItemCaseSensitive(opts, "removeOnFail"));
	options->stack_limit =
		number_of(cJSON_GetObjectItemCaseSensitive(opts, "stackTraceLimit"), 0, -1);
	options->keep_logs = number_of(cJSON_GetObjectItemCaseSensitive(opts, "kl"), 1, 0);
	options->lifo = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(opts, "lifo"));
	cJSON_Delete(opts);
	return json_memory_denied() == denied;
}

/* What was stored, if it is an array of texts; else an empty array, as BullMQ reads it. */
static cJSON *
stored_entries(const char *json)
{
	cJSON *entries = json != NULL ? cJSON_ParseWithOpts(json, NULL, 1) : NULL;
	const cJSON *entry;
	bool good = cJSON_IsArray(entries);

	if (good) {
		cJSON_ArrayForEach(entry, entries) good = good && cJSON_IsString(entry);
	}
	if (good)
		return entries;
	cJSON_Delete(entries);
	return cJSON_CreateArray();
}

static cJSON *
new_entry(const char *reason, const char *entry)
{
	static const char prefix[] = "Error: ";
	size_t size = sizeof(prefix) + strlen(reason);
	cJSON *item;
	char *text;

	if (entry != NULL && entry[0] != '\0')
		return cJSON_CreateString(entry);
	text = malloc(size);
	if (text == NULL)
		return NULL;
	snprintf(text, size, "%s%s", prefix, reason);
	item = cJSON_CreateString(text);
	free(text);
	return item;
}

char *
queue_options_stacktrace(const struct queue_job *job, const char *reason, const char *entry)
{
	unsigned denied = json_memory_denied();
	cJSON *entries = stored_entries(job->options->stacktrace);
	cJSON *item = new_entry(reason, entry);
	char *json = NULL;

	if (entries == NULL || item == NULL || json_memory_denied() != denied) {
		cJSON_Delete(item);
		goto out;
	}
	cJSON_AddItemToArray(entries, item);
	while (job->options->stack_limit >= 0 &&
	       cJSON_GetArraySize(entries) > job->options->stack_limit)
		cJSON_DeleteItemFromArray(entries, 0);
	json = cJSON_PrintUnformatted(entries);
out:
	cJSON_Delete(entries);
	return json;
}

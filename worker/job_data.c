/*
 * job_data.c - what a job's data say.                                   [worker]
 */
#include "worker/job_data.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "common/json_memory.h"

#define DATA_MAX_BYTES 65536
#define DEPTH_MAX      32

/* cJSON recurses; what is nested deeper than any job of ours is refused before it is parsed. */
static bool
is_too_deep(const char *json)
{
	int depth = 0;

	for (; *json != '\0'; json++) {
		if (*json == '[' || *json == '{')
			depth++;
		else if (*json == ']' || *json == '}')
			depth--;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

static bool
read_id(const cJSON *object, const char *key, char out[JOB_DATA_TEXT_MAX + 1], struct failure *why)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	size_t size;

	if (!cJSON_IsString(item))
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "the job's data have no text \"%s\"", key);
	size = strlen(item->valuestring);
	if (size == 0 || size > JOB_DATA_TEXT_MAX)
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "the job's \"%s\" must have 1 to %d bytes, it has %zu", key,
				   JOB_DATA_TEXT_MAX, size);
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)item->valuestring[i] < 0x20)
			return failure_set(why, FAILURE_VALIDATION_ERROR,
					   "the job's \"%s\" holds a control character", key);
	}
	memcpy(out, item->valuestring, size + 1);
	return true;
}

static bool
read_mode(const cJSON *object, struct job_data *data, struct failure *why)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "uploadMode");

	data->mode = JOB_MODE_OF_ROW;
	if (item == NULL || cJSON_IsNull(item))
		return true;
	if (cJSON_IsString(item) && strcmp(item->valuestring, "single") == 0)
		data->mode = JOB_MODE_SINGLE;
	else if (cJSON_IsString(item) && strcmp(item->valuestring, "multiple") == 0)
		data->mode = JOB_MODE_MULTIPLE;
	else
		return failure_set(
			why, FAILURE_VALIDATION_ERROR,
			"the job's \"uploadMode\" is neither \"single\" nor \"multiple\"");
	return true;
}

bool
job_data_parse(const char *name, const char *json, struct job_data *data, struct failure *why)
{
	struct job_data read = {.mode = JOB_MODE_OF_ROW};
	unsigned denied = json_memory_denied();
	cJSON *object;
	bool done;

	if (strcmp(name, JOB_NAME) != 0)
		return failure_set(
			why, FAILURE_VALIDATION_ERROR,
			"a job named \"%.60s\" is not for the publisher; its jobs are named \"%s\"",
			name, JOB_NAME);
	if (strlen(json) > DATA_MAX_BYTES || is_too_deep(json))
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "the job's data are larger or deeper than any publish job's");
	/* The parser would end a text at such a character, and take what is before it for the id.
	 */
	if (strstr(json, "\\u0000") != NULL)
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "the job's data hold a NUL character");
	object = cJSON_ParseWithOpts(json, NULL, true);
	if (object == NULL && json_memory_denied() != denied)
		return failure_set(why, FAILURE_AWAY, "out of memory for the job's data");
	if (!cJSON_IsObject(object)) {
		cJSON_Delete(object);
		return failure_set(why, FAILURE_VALIDATION_ERROR,
				   "the job's data are not a JSON object");
	}
	done = read_id(object, "deviationId", read.deviation_id, why) &&
	       read_id(object, "userId", read.user_id, why) && read_mode(object, &read, why);
	cJSON_Delete(object);
	if (done)
		*data = read;
	return done;
}

/*
 * deviation.c - the reads of single posts (deviantart-api.md 7, 10.3). [sandbox]
 */
#include "tests/sandbox/deviation.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/post_json.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"

#define BATCH_MAX          50
#define EXTENDED_BATCH_MAX 10

void
deviation_one(struct call *call, struct answer *answer)
{
	const char *deviationid = strrchr(call->path, '/') + 1;
	const struct post *post;

	if (!text_is_uuid(deviationid)) {
		answer_invalid(answer, "deviationid", "deviationid must be a valid UUID");
		return;
	}
	post = state_find_post(&call->sandbox->state, deviationid);
	if (post == NULL)
		answer_error(answer, 400, "invalid_request", "Deviation not found.");
	else
		answer_json(answer, 200, post_json_deviation(post, &call->sandbox->settings));
}

static bool
check_batch(struct call *call, bool extended, struct answer *answer)
{
	size_t size = fields_array_size(&call->query, "deviationids");
	const char *deviationid;
	size_t cursor = 0;

	if (size == 0) {
		answer_invalid(answer, "deviationids", "deviationids is required");
		return false;
	}
	if (size > (extended ? EXTENDED_BATCH_MAX : BATCH_MAX)) {
		answer_invalid(answer, "deviationids", "deviationids has too many values");
		return false;
	}
	while ((deviationid = fields_next(&call->query, "deviationids", &cursor)) != NULL)
		if (!text_is_uuid(deviationid)) {
			answer_invalid(answer, "deviationids", "deviationids must be valid UUIDs");
			return false;
		}
	return true;
}

void
deviation_metadata(struct call *call, struct answer *answer)
{
	const char *asked = fields_get(&call->query, "ext_submission");
	const char *deviationid;
	bool extended = false;
	size_t cursor = 0;
	cJSON *json, *list;

	if (asked != NULL && !text_parse_bool(asked, &extended)) {
		answer_invalid(answer, "ext_submission", "ext_submission must be a boolean");
		return;
	}
	if (!check_batch(call, extended, answer))
		return;
	json = cJSON_CreateObject();
	list = cJSON_AddArrayToObject(json, "metadata");
	while ((deviationid = fields_next(&call->query, "deviationids", &cursor)) != NULL) {
		const struct post *post = state_find_post(&call->sandbox->state, deviationid);

		if (post != NULL) /* those that are not there are left out */
			cJSON_AddItemToArray(
				list, post_json_metadata(post, &call->sandbox->settings, extended));
	}
	answer_json(answer, 200, json);
}

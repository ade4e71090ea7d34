/*
 * status_json.c - reading /status.                                     [status command]
 */
#include "health/status_json.h"

#include <cjson/cJSON.h>

#include "common/text.h"

const char *
status_text_of(const cJSON *object, const char *name, char shown[STATUS_SHOWN_SIZE])
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	text_json_escape(shown, STATUS_SHOWN_SIZE, text != NULL ? text : "unknown", NULL);
	return shown;
}

int64_t
status_number_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	/* Within what a double counts exactly; no NaN passes. */
	if (!cJSON_IsNumber(item) ||
	    !(item->valuedouble >= 0 && item->valuedouble <= 9007199254740991.0))
		return 0;
	return (int64_t)item->valuedouble;
}

bool
status_is_true(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

const cJSON *
status_part(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

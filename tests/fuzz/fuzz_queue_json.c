/*
 * fuzz_queue_json.c - the strict JSON check of what we write for others to parse.  [tests]
 *
 * Holds: what it takes, cJSON takes, and writes out again in a form that it takes; DeviantArt's
 * reader (answer_json) takes no object that is not JSON to cJSON, and its ids are the digits that
 * stand there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/queue/queue_internal.h"
#include "tests/fuzz/input.h"
#include "worker/deviantart/answer_json.h"

/* cJSON gives up at 1000 levels. */
static bool
is_deep(const char *text)
{
	int depth = 0;

	for (; *text != '\0'; text++)
		if (*text == '[' || *text == '{')
			depth++;
	return depth > 500;
}

static void
try_strict(const char *text)
{
	cJSON *value;
	char *printed;

	if (!queue_json_is_valid(text) || is_deep(text))
		return;
	FUZZ_CHECK(fuzz_is_utf8(text, strlen(text), NULL) || text[0] != '\0');
	value = cJSON_ParseWithOpts(text, NULL, 1);
	/* cJSON ends a text at an escaped NUL and refuses lone surrogates; JavaScript does neither.
	 */
	if (value == NULL) {
		FUZZ_CHECK(strstr(text, "\\u") != NULL);
		return;
	}
	printed = cJSON_PrintUnformatted(value);
	FUZZ_CHECK(printed != NULL && queue_json_is_valid(printed));
	cJSON_free(printed);
	cJSON_Delete(value);
}

static void
try_answer(const char *body, size_t size)
{
	struct cJSON *object = answer_json_parse(body, size);
	char id[24] = "", details[256];
	int64_t whole = 0;

	if (object == NULL)
		return;
	FUZZ_CHECK(size <= ANSWER_JSON_LIMIT && cJSON_IsObject(object));
	if (answer_json_id(body, size, "itemid", id, sizeof(id))) {
		FUZZ_CHECK(id[0] != '\0' && strspn(id, "0123456789") == strlen(id));
		FUZZ_CHECK(strspn(id, "0") < strlen(id));
		/* Where a double is exact, both readers agree; a key may be spelt with escapes. */
		if (strlen(id) <= 15 && answer_json_whole(object, "itemid", &whole) &&
		    strchr(body, '\\') == NULL)
			FUZZ_CHECK(strtoll(id, NULL, 10) == whole);
	}
	if (answer_json_whole(object, "error_code", &whole))
		FUZZ_CHECK(whole >= -9007199254740992LL && whole <= 9007199254740992LL);
	answer_json_pairs(object, "error_details", details, sizeof(details));
	FUZZ_CHECK(strlen(details) < sizeof(details));
	answer_json_wipe(object);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	try_strict(text);
	try_answer(text, size);
	free(text);
	return 0;
}

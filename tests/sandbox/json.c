/*
 * json.c - what the sandbox adds to cJSON.                             [sandbox]
 */
#include "tests/sandbox/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/memory.h"
#include "tests/sandbox/text.h"

struct cJSON *
json_text(const char *text)
{
	char *clean;
	cJSON *json;

	if (text == NULL)
		return cJSON_CreateNull();
	clean = text_clean(text);
	json = cJSON_CreateString(clean);
	free(clean);
	return json;
}

void
json_add_text(struct cJSON *object, const char *name, const char *text)
{
	cJSON_AddItemToObject(object, name, json_text(text));
}

void
json_add_integer(struct cJSON *object, const char *name, int64_t value)
{
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%" PRId64, value);
	cJSON_AddItemToObject(object, name, cJSON_CreateRaw(digits));
}

void
json_add_bool(struct cJSON *object, const char *name, bool value)
{
	cJSON_AddItemToObject(object, name, cJSON_CreateBool(value));
}

char *
json_print(const struct cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	/* With memory that never fails this means a value cJSON cannot print: ours never are. */
	return text != NULL ? text : memory_text("null");
}

void
json_reader_init(struct json_reader *reader, const struct cJSON *object, const char *what)
{
	memset(reader, 0, sizeof(*reader));
	reader->object = object;
	reader->what = what;
	if (!cJSON_IsObject(object))
		json_reader_fail(reader, "is not an object");
	else if (cJSON_GetArraySize(object) > 64)
		json_reader_fail(reader, "has too many members");
}

void
json_reader_fini(struct json_reader *reader)
{
	free(reader->error);
	reader->error = NULL;
}

void
json_reader_fail(struct json_reader *reader, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;

	if (reader->error != NULL)
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	reader->error = memory_format("%s: %s", reader->what, text != NULL ? text : "wrong");
	free(text);
}

const struct cJSON *
json_read_any(struct json_reader *reader, const char *name)
{
	const cJSON *member;
	unsigned index = 0;

	if (reader->error != NULL)
		return NULL;
	cJSON_ArrayForEach(member, reader->object)
	{
		if (strcmp(member->string, name) == 0) {
			reader->seen |= UINT64_C(1) << index;
			return cJSON_IsNull(member) ? NULL : member;
		}
		index++;
	}
	return NULL;
}

void
json_read_text(struct json_reader *reader, const char *name, const char **value)
{
	const cJSON *member = json_read_any(reader, name);

	if (member == NULL)
		return;
	if (!cJSON_IsString(member))
		json_reader_fail(reader, "\"%s\" is not a string", name);
	else
		*value = member->valuestring;
}

void
json_read_bool(struct json_reader *reader, const char *name, bool *value)
{
	const cJSON *member = json_read_any(reader, name);

	if (member == NULL)
		return;
	if (!cJSON_IsBool(member))
		json_reader_fail(reader, "\"%s\" is not true or false", name);
	else
		*value = cJSON_IsTrue(member) != 0;
}

void
json_read_integer(struct json_reader *reader, const char *name, int64_t *value, int64_t least,
		  int64_t most)
{
	const cJSON *member = json_read_any(reader, name);
	double number;

	if (member == NULL)
		return;
	number = cJSON_IsNumber(member) ? member->valuedouble : (double)NAN;
	if (!(number >= (double)least && number <= (double)most) || floor(number) < number)
		json_reader_fail(reader,
				 "\"%s\" is not a whole number from %" PRId64 " to %" PRId64, name,
				 least, most);
	else
		*value = (int64_t)number;
}

bool
json_reader_done(struct json_reader *reader)
{
	const cJSON *member;
	unsigned index = 0;

	if (reader->error != NULL)
		return false;
	cJSON_ArrayForEach(member, reader->object)
	{
		if ((reader->seen >> index & 1) == 0) {
			json_reader_fail(reader, "unknown member \"%s\"", member->string);
			return false;
		}
		index++;
	}
	return true;
}

/*
 * fields.c - the names and values of a form, a query or a multipart body. [sandbox]
 */
#include "tests/sandbox/fields.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/json.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/text.h"

void
fields_free(struct fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		free(fields->list[i].name);
		free(fields->list[i].value);
	}
	free(fields->list);
	memset(fields, 0, sizeof(*fields));
}

bool
fields_add(struct fields *fields, const char *name, size_t name_length, const char *value,
	   size_t value_length)
{
	struct field *field;

	if (fields->count >= FIELDS_MAX || memchr(name, '\0', name_length) != NULL ||
	    memchr(value, '\0', value_length) != NULL)
		return false;
	fields->list = memory_grow(fields->list, (fields->count + 1) * sizeof(*fields->list));
	field = &fields->list[fields->count++];
	field->name = memory_text_n(name, name_length);
	field->value = memory_text_n(value, value_length);
	return true;
}

static bool
parse_pair(struct fields *fields, const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length);
	size_t name_length = equals != NULL ? (size_t)(equals - text) : length;
	struct buffer name, value;
	bool added;

	buffer_init(&name, length);
	buffer_init(&value, length);
	(void)text_percent_decode(&name, text, name_length, true);
	if (equals != NULL)
		(void)text_percent_decode(&value, equals + 1, length - name_length - 1, true);
	added = fields_add(fields, name.data, name.length, value.data, value.length);
	buffer_free(&name);
	buffer_free(&value);
	return added;
}

bool
fields_parse(struct fields *fields, const char *text, size_t length)
{
	while (length > 0) {
		const char *end = memchr(text, '&', length);
		size_t pair = end != NULL ? (size_t)(end - text) : length;

		if (pair > 0 && !parse_pair(fields, text, pair))
			return false;
		length -= end != NULL ? pair + 1 : pair;
		text += pair + 1;
	}
	return true;
}

const char *
fields_get(const struct fields *fields, const char *name)
{
	for (size_t i = fields->count; i > 0; i--)
		if (strcmp(fields->list[i - 1].name, name) == 0)
			return fields->list[i - 1].value;
	return NULL;
}

/* The length of "base" if `name` is "base[]" or "base[12]", else 0. */
static size_t
array_base(const char *name)
{
	const char *bracket = strchr(name, '[');

	if (bracket == NULL || bracket == name)
		return 0;
	if (strcmp(bracket + strspn(bracket + 1, "0123456789") + 1, "]") != 0)
		return 0;
	return (size_t)(bracket - name);
}

bool
fields_is_array_name(const char *full, const char *base)
{
	size_t length = array_base(full);

	return length > 0 && strlen(base) == length && strncmp(full, base, length) == 0;
}

const char *
fields_next(const struct fields *fields, const char *name, size_t *cursor)
{
	while (*cursor < fields->count) {
		const struct field *field = &fields->list[(*cursor)++];

		if (fields_is_array_name(field->name, name))
			return field->value;
	}
	return NULL;
}

size_t
fields_array_size(const struct fields *fields, const char *name)
{
	size_t cursor = 0, size = 0;

	while (fields_next(fields, name, &cursor) != NULL)
		size++;
	return size;
}

struct cJSON *
fields_to_json(const struct fields *fields)
{
	cJSON *object = cJSON_CreateObject();

	for (size_t i = 0; i < fields->count; i++) {
		const struct field *field = &fields->list[i];
		size_t base = array_base(field->name);
		char *raw_name =
			base > 0 ? memory_text_n(field->name, base) : memory_text(field->name);
		char *name = text_clean(raw_name);
		cJSON *old = cJSON_GetObjectItemCaseSensitive(object, name);

		if (base > 0 && cJSON_IsArray(old)) {
			cJSON_AddItemToArray(old, json_text(field->value));
		} else {
			cJSON *value = base > 0 ? cJSON_CreateArray() : json_text(field->value);

			if (base > 0)
				cJSON_AddItemToArray(value, json_text(field->value));
			cJSON_DeleteItemFromObjectCaseSensitive(object, name);
			cJSON_AddItemToObject(object, name, value);
		}
		free(name);
		free(raw_name);
	}
	return object;
}

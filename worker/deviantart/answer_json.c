/*
 * answer_json.c - JSON from the other side, taken with gloves.         [worker]
 */
#include "worker/deviantart/answer_json.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#define EXACT_DOUBLE 9007199254740992.0 /* 2^53: up to here a double holds every whole number */

/* ---- a walk over raw text; every function takes and returns an index, and stops at size ---- */

static bool
is_blank(char c)
{
	return (unsigned char)c <=
	       ' '; /* what cJSON takes for white space; NULs were refused before */
}

static size_t
skip_blanks(const char *text, size_t size, size_t at)
{
	while (at < size && is_blank(text[at]))
		at++;
	return at;
}

/* From an opening quote to the byte after its closing one. */
static size_t
skip_string(const char *text, size_t size, size_t at)
{
	for (at++; at < size && text[at] != '"'; at++)
		if (text[at] == '\\')
			at++;
	return at < size ? at + 1 : size;
}

/* From an opening bracket to the byte after its partner; *deepest tells how far it went down. */
static size_t
skip_nested(const char *text, size_t size, size_t at, size_t *deepest)
{
	size_t depth = 0;

	*deepest = 0;
	while (at < size) {
		char c = text[at];

		if (c == '"') {
			at = skip_string(text, size, at);
			continue;
		}
		at++;
		if (c == '{' || c == '[') {
			if (++depth > *deepest)
				*deepest = depth;
		} else if (c == '}' || c == ']') {
			if (depth <= 1)
				break;
			depth--;
		}
	}
	return at;
}

static size_t
skip_value(const char *text, size_t size, size_t at)
{
	size_t ignored;

	if (at >= size)
		return size;
	if (text[at] == '"')
		return skip_string(text, size, at);
	if (text[at] == '{' || text[at] == '[')
		return skip_nested(text, size, at, &ignored);
	while (at < size && !is_blank(text[at]) && strchr(",}]", text[at]) == NULL)
		at++;
	return at;
}

/* Where the object begins: past a byte order mark (cJSON skips it too) and white space. */
static size_t
object_start(const char *body, size_t size)
{
	size_t at = size >= 3 && memcmp(body, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

	return skip_blanks(body, size, at);
}

/* The raw value of a top-level member: [*start, *end) in body. */
static bool
find_member(const char *body, size_t size, const char *name, size_t *start, size_t *end)
{
	size_t name_length = strlen(name);
	size_t at = object_start(body, size);

	if (at >= size || body[at] != '{')
		return false;
	at = skip_blanks(body, size, at + 1);
	while (at < size && body[at] == '"') {
		size_t key = at + 1;
		size_t after_key = skip_string(body, size, at);

		at = skip_blanks(body, size, after_key);
		if (at >= size || body[at] != ':')
			return false;
		*start = skip_blanks(body, size, at + 1);
		*end = skip_value(body, size, *start);
		if (after_key - key == name_length + 1 &&
		    memcmp(body + key, name, name_length) == 0)
			return true;
		at = skip_blanks(body, size, *end);
		if (at >= size || body[at] != ',')
			return false;
		at = skip_blanks(body, size, at + 1);
	}
	return false;
}

/* ---- parsing ---- */

struct cJSON *
answer_json_parse(const char *body, size_t size)
{
	const char *end = NULL;
	size_t start, deepest;
	cJSON *object;

	if (body == NULL || size > ANSWER_JSON_LIMIT || memchr(body, '\0', size) != NULL)
		return NULL;
	start = object_start(body, size);
	if (start >= size || body[start] != '{')
		return NULL;
	(void)skip_nested(body, size, start, &deepest);
	if (deepest > ANSWER_JSON_DEPTH)
		return NULL;
	object = cJSON_ParseWithLengthOpts(body + start, size - start, &end, 0);
	if (object == NULL)
		return NULL;
	if (skip_blanks(body, size, (size_t)(end - body)) == size)
		return object;
	cJSON_Delete(object);
	return NULL;
}

void
answer_json_free(struct cJSON *object)
{
	cJSON_Delete(object);
}

void
answer_json_wipe(struct cJSON *object)
{
	cJSON *member;

	cJSON_ArrayForEach(member,
			   object) if (cJSON_IsString(member) && member->valuestring != NULL)
		explicit_bzero(member->valuestring, strlen(member->valuestring));
	cJSON_Delete(object);
}

const char *
answer_json_text(const struct cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool
digits_to_number(const char *text, int64_t *value)
{
	int64_t sum = 0;

	if (*text == '\0' || strlen(text) > 15)
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		sum = sum * 10 + (*text - '0');
	}
	*value = sum;
	return true;
}

bool
answer_json_whole(const struct cJSON *object, const char *name, int64_t *value)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
	double number;

	if (cJSON_IsString(member) && member->valuestring != NULL)
		return digits_to_number(member->valuestring, value);
	if (!cJSON_IsNumber(member))
		return false;
	number = member->valuedouble;
	if (!(number >= -EXACT_DOUBLE && number <= EXACT_DOUBLE) ||
	    number - (double)(int64_t)number != 0)
		return false;
	*value = (int64_t)number;
	return true;
}

bool
answer_json_id(const char *body, size_t size, const char *name, char *out, size_t out_size)
{
	size_t start, end;
	bool is_zero = true;

	if (!find_member(body, size, name, &start, &end))
		return false;
	if (end - start >= 2 && body[start] == '"' && body[end - 1] == '"') {
		start++;
		end--;
	}
	if (start == end || end - start >= out_size)
		return false;
	for (size_t at = start; at < end; at++) {
		if (body[at] < '0' || body[at] > '9')
			return false;
		is_zero = is_zero && body[at] == '0';
	}
	if (is_zero)
		return false;
	memcpy(out, body + start, end - start);
	out[end - start] = '\0';
	return true;
}

/* ---- what validation errors say ---- */

static void
append_pair(char *out, size_t out_size, const char *name, const char *text)
{
	size_t used = strlen(out);

	if (text == NULL || used + 1 >= out_size)
		return;
	(void)snprintf(out + used, out_size - used, "%s%s%s%s", used > 0 ? "; " : "",
		       name != NULL ? name : "", name != NULL ? ": " : "", text);
}

void
answer_json_pairs(const struct cJSON *object, const char *name, char *out, size_t out_size)
{
	const cJSON *details = cJSON_GetObjectItemCaseSensitive(object, name);
	const cJSON *member, *entry;

	out[0] = '\0';
	if (cJSON_IsString(details))
		append_pair(out, out_size, NULL, details->valuestring);
	if (!cJSON_IsObject(details) && !cJSON_IsArray(details))
		return;
	cJSON_ArrayForEach(member, details)
	{
		if (cJSON_IsString(member))
			append_pair(out, out_size, member->string, member->valuestring);
		if (!cJSON_IsArray(member))
			continue;
		cJSON_ArrayForEach(entry, member)
			append_pair(out, out_size, member->string, cJSON_GetStringValue(entry));
	}
}

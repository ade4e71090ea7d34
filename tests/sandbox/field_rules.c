/*
 * field_rules.c - what the site demands of the fields of submit and publish. [sandbox]
 */
#include "tests/sandbox/field_rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/router.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/text.h"

#define TITLE_MAX_CHARACTERS 50
#define TAGS_MAX             30

const char *
field_given(const struct call *call, const char *name)
{
	const char *value = fields_get(&call->body.fields, name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

bool
field_refuse(struct call *call, const char *field, const char *message, struct answer *answer)
{
	char *reason = memory_format("field:%s", field);

	ledger_count_refused(call->sandbox->ledger, reason);
	free(reason);
	answer_invalid(answer, field, message);
	return false;
}

bool
field_check_title(struct call *call, struct answer *answer)
{
	const char *title = fields_get(&call->body.fields, "title");
	size_t characters;

	if (title == NULL)
		return true;
	if (!text_utf8_length(title, &characters))
		return field_refuse(call, "title", "title is not valid UTF-8", answer);
	if (characters > TITLE_MAX_CHARACTERS)
		return field_refuse(call, "title", "title has incorrect length", answer);
	return true;
}

static bool
is_tag(const char *tag, bool unicode)
{
	size_t characters;

	if (tag[0] == '\0' || !text_utf8_length(tag, &characters))
		return false;
	for (; *tag != '\0'; tag++)
		if (!(isascii(*tag) ? isalnum((unsigned char)*tag) || *tag == '_' : unicode))
			return false;
	return true;
}

bool
field_check_tags(struct call *call, struct answer *answer)
{
	bool unicode = call->sandbox->settings.unicode_tags;
	const char *tag;
	size_t cursor = 0;

	if (fields_array_size(&call->body.fields, "tags") > TAGS_MAX)
		return field_refuse(call, "tags", "tags has too many values", answer);
	while ((tag = fields_next(&call->body.fields, "tags", &cursor)) != NULL)
		if (!is_tag(tag, unicode))
			return field_refuse(call, "tags",
					    "tags may hold letters, digits and underscores only",
					    answer);
	return true;
}

bool
field_check_bool(struct call *call, const char *name, bool *value, struct answer *answer)
{
	const char *given = field_given(call, name);
	char *message;

	if (given == NULL || text_parse_bool(given, value))
		return true;
	message = memory_format("%s must be a boolean", name);
	(void)field_refuse(call, name, message, answer);
	free(message);
	return false;
}

bool
field_check_bools(struct call *call, const char *const *names, struct answer *answer)
{
	bool value;

	for (size_t i = 0; names[i] != NULL; i++)
		if (!field_check_bool(call, names[i], &value, answer))
			return false;
	return true;
}

static bool
is_word(const char *value, const char *const *words)
{
	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(value, words[i]) == 0)
			return true;
	return false;
}

static bool
refuse_word(struct call *call, const char *name, struct answer *answer)
{
	char *message = memory_format("%s has a value that is not allowed", name);

	(void)field_refuse(call, name, message, answer);
	free(message);
	return false;
}

bool
field_check_words(struct call *call, const char *name, const char *const *words,
		  struct answer *answer)
{
	const char *given = field_given(call, name);

	return given == NULL || is_word(given, words) || refuse_word(call, name, answer);
}

bool
field_check_array_words(struct call *call, const char *name, const char *const *words,
			struct answer *answer)
{
	const char *value;
	size_t cursor = 0;

	while ((value = fields_next(&call->body.fields, name, &cursor)) != NULL)
		if (!is_word(value, words))
			return refuse_word(call, name, answer);
	return true;
}

bool
field_check_uuids(struct call *call, const char *name, struct answer *answer)
{
	const char *value;
	size_t cursor = 0;

	while ((value = fields_next(&call->body.fields, name, &cursor)) != NULL)
		if (!text_is_uuid(value)) {
			char *message = memory_format("%s must be a valid UUID", name);

			(void)field_refuse(call, name, message, answer);
			free(message);
			return false;
		}
	return true;
}

static bool
is_known(const char *name, const char *const *known)
{
	for (size_t i = 0; known[i] != NULL; i++) {
		size_t length = strlen(known[i]);

		if (strcmp(known[i], name) == 0)
			return true;
		if (length > 2 && strcmp(known[i] + length - 2, "[]") == 0) {
			char *base = memory_text_n(known[i], length - 2);
			bool same = fields_is_array_name(name, base);

			free(base);
			if (same)
				return true;
		}
	}
	return false;
}

bool
field_check_known(struct call *call, const char *const *known, struct answer *answer)
{
	const struct fields *fields = &call->body.fields;

	for (size_t i = 0; i < fields->count; i++) {
		const char *name = fields->list[i].name;

		if (is_known(name, known))
			continue;
		ledger_count_unknown_field(call->sandbox->ledger, call->endpoint->name, name);
		if (call->sandbox->settings.strict_fields)
			return field_refuse(call, name, "no such field", answer);
	}
	return true;
}

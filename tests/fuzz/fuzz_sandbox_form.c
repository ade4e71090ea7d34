/*
 * fuzz_sandbox_form.c - forms, as we write them and as the sandbox reads them.    [tests]
 *
 * Input: lines "name=value". Holds: what our side writes, the sandbox reads back the same, in
 * order; what comes from elsewhere it reads without harm.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tests/sandbox/fields.h"
#include "worker/deviantart/form.h"

/* What both sides do with a text: an empty form says nothing about its names. */
static void
try_round_trip(char *lines)
{
	struct form form = {0};
	struct fields fields = {0};
	char *names[200], *values[200], *rest = NULL;
	size_t count = 0;

	for (char *line = strtok_r(lines, "\n", &rest); line != NULL && count < 200;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *value = strchr(line, '=');

		if (value == NULL || value == line)
			continue;
		*value++ = '\0';
		names[count] = line;
		values[count++] = value;
		form_add(&form, line, value);
	}
	FUZZ_CHECK(!form.is_broken);
	if (form.text != NULL)
		FUZZ_CHECK(fields_parse(&fields, form.text, form.size));
	FUZZ_CHECK(fields.count == count);
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(strcmp(fields.list[i].name, names[i]) == 0 &&
			   strcmp(fields.list[i].value, values[i]) == 0);
	fields_free(&fields);
	form_free(&form);
}

static void
try_foreign(const char *text, size_t size)
{
	struct fields fields = {0};

	(void)fields_parse(&fields, text, size);
	FUZZ_CHECK(fields.count <= FIELDS_MAX);
	for (size_t i = 0; i < fields.count; i++)
		FUZZ_CHECK(fields.list[i].name != NULL && fields.list[i].value != NULL);
	fields_free(&fields);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	try_foreign(text, size);
	try_round_trip(text);
	free(text);
	return 0;
}

/*
 * config_errors.c - everything that is wrong with a configuration.     [every process]
 */
#include "common/config_errors.h"

#include <stdarg.h>
#include <stdlib.h>

void
config_errors_add(struct config_errors *errors, const char *format, ...)
{
	char **grown;
	char *text = NULL;
	va_list args;
	int size;

	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	grown = realloc(errors->texts, (errors->count + 1) * sizeof(*grown));
	if (grown != NULL)
		errors->texts = grown;
	if (size < 0 || grown == NULL) {
		if (size >= 0)
			free(text);
		errors->lost = true;
		return;
	}
	errors->texts[errors->count++] = text;
}

bool
config_errors_any(const struct config_errors *errors)
{
	return errors->count > 0 || errors->lost;
}

void
config_errors_print(const struct config_errors *errors, FILE *out)
{
	for (size_t i = 0; i < errors->count; i++)
		fprintf(out, "%s\n", errors->texts[i]);
	if (errors->lost)
		fputs("out of memory: more is wrong than could be kept\n", out);
}

void
config_errors_free(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->texts[i]);
	free(errors->texts);
	*errors = CONFIG_ERRORS_NONE;
}

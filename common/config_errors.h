#ifndef COMMON_CONFIG_ERRORS_H
#define COMMON_CONFIG_ERRORS_H
/*
 * config_errors.h - everything that is wrong with a configuration.     [every process]
 *
 * A growing list of texts, so that a user sees every wrong setting at once. A text never holds a
 * secret.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Start with CONFIG_ERRORS_NONE. texts[0..count-1] belong to the list. */
struct config_errors {
	char **texts;
	size_t count;
	bool lost; /* a text could not be kept for want of memory */
};

#define CONFIG_ERRORS_NONE ((struct config_errors){.texts = NULL, .count = 0, .lost = false})

/* Adds a printf-style text (no newline at its end). */
void config_errors_add(struct config_errors *errors, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Is there anything in it (or was there, and no memory to keep it)? */
bool config_errors_any(const struct config_errors *errors);

/* Writes one text a line. */
void config_errors_print(const struct config_errors *errors, FILE *out);

/* Frees the texts; the list is empty afterwards and may be used again. */
void config_errors_free(struct config_errors *errors);

#endif

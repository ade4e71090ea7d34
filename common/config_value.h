#ifndef COMMON_CONFIG_VALUE_H
#define COMMON_CONFIG_VALUE_H
/*
 * config_value.h - from the text of a setting to its member of struct config.      [every process]
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/config_table.h"

/*
 * Reads text as the setting's type, checks its bounds and stores it in *config; a text member that
 * held one before is erased and freed. Numbers are strict: digits and nothing else (a factor may
 * have one point). False: *why says what is wrong, with the text quoted unless it is a secret.
 */
bool config_value_set(struct config *config, const struct config_setting *setting, const char *text,
		      struct failure *why);

/* Erases and frees the setting's text, if it is of a type that has one. */
void config_value_free(struct config *config, const struct config_setting *setting);

/* "a whole number from 1 to 1024": what the setting takes, in words, for messages and examples. */
void config_value_describe(const struct config_setting *setting, char *out, size_t size);

#endif

#ifndef TESTS_UNIT_CONFIG_CASE_H
#define TESTS_UNIT_CONFIG_CASE_H
/*
 * config_case.h - an environment, an INI file, and what config_load() makes of them.
 */
#include <stddef.h>

#include "common/config.h"

/* Set-up and tear-down of a test: a directory of its own, and nothing set but what is required. */
int config_case_set_up(void **state);
int config_case_tear_down(void **state);
extern char config_case_directory[64];
extern char config_case_ini_path[96]; /* in it; not there until it is written */
extern char config_case_value_path[96];

/* Takes every setting out of the environment. Only ours: cmocka reads it, too. */
void config_case_clear(void);
void config_case_write(const char *path, const char *bytes, size_t size);
void config_case_write_ini(const char *text);

/* path: NULL, or the INI file. The configuration, which must load: config_free(). */
struct config *config_case_load(const char *path);
/* The errors of one that must not load, one a line, each line begun by a newline. Static. */
const char *config_case_refused(const char *path);
void config_case_assert_says(const char *text, const char *part);
void config_case_assert_only_error(const char *path, const char *expected);

#endif

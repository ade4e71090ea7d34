#ifndef COMMON_CONFIG_INI_H
#define COMMON_CONFIG_INI_H
/*
 * config_ini.h - the settings in an INI file.                          [every process]
 */
#include <stdbool.h>

#include "common/config_errors.h"

/*
 * Called for each `key = value`; line counts from 1. The texts are the parser's. value is NULL for
 * a setting whose line was refused: it was given, what is wrong with it is in the errors already.
 */
typedef void config_ini_setting(void *context, const char *section, const char *key,
				const char *value, unsigned int line);

/*
 * Reads the file, calls take() for every setting in it and adds to *errors what is wrong with its
 * form: a line that is neither setting nor [section] nor comment, a line longer than the parser
 * takes (by the name of its setting, which is left out: it is never used cut), a NUL byte, a
 * section that we do not know. False where the file could not be read at all.
 */
bool config_ini_read(const char *path, config_ini_setting *take, void *context,
		     struct config_errors *errors);

#endif

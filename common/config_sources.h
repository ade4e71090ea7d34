#ifndef COMMON_CONFIG_SOURCES_H
#define COMMON_CONFIG_SOURCES_H
/*
 * config_sources.h - which text each setting got, and from where.      [every process]
 *
 * Defaults, then the INI file, then the environment: the later wins. Anywhere, <NAME>_FILE (in the
 * INI file <key>_file) names a file that holds the value. An empty value counts as unset.
 */
#include "common/config_errors.h"
#include "common/config_table.h"

struct config_source {
	char *text;  /* NULL: no source has it, not even a default */
	char *place; /* for messages: "config.ini line 12, [publisher] concurrency"; NULL: the
			environment */
	bool wrong;  /* an error about it was told already: that it has no text is no news */
};

/*
 * Fills sources[0..config_setting_count-1], in the order of the table, and adds what is wrong to
 * *errors. Free them with config_sources_free() in any case.
 */
void config_sources_read(const char *ini_path, struct config_source *sources,
			 struct config_errors *errors);
void config_sources_free(struct config_source *sources);

#endif

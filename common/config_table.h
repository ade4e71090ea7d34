#ifndef COMMON_CONFIG_TABLE_H
#define COMMON_CONFIG_TABLE_H
/*
 * config_table.h - what settings there are.                            [every process]
 *
 * One row a setting. Reading, bounds, defaults, error texts, the suggestion for a misspelt key and
 * both example files come from it; nothing about a setting is written down a second time.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/failure.h"

/* The type of the member of struct config stands after each. */
enum config_type {
	CONFIG_TEXT,    /* char * */
	CONFIG_SECRET,  /* char *, never shown */
	CONFIG_INTEGER, /* int */
	CONFIG_PERCENT, /* int */
	CONFIG_MS,      /* int64_t */
	CONFIG_FACTOR,  /* double */
	CONFIG_BOOLEAN, /* bool */
	CONFIG_LEVEL    /* enum log_level */
};

struct config_setting {
	const char *env;     /* "PUBLISHER_CONCURRENCY" */
	const char *section; /* "publisher" */
	const char *key;     /* "concurrency" */
	enum config_type type;
	size_t offset;            /* of its member in struct config */
	double min, max;          /* numbers: bounds; texts: the most bytes in max */
	const char *default_text; /* NULL: required */
	const char *example; /* shown, as if set, in the example files; NULL: the default is, as a
				comment */
	/* Checks a text beyond its length, and derives from it; NULL: nothing to do. Run when it is
	 * stored. */
	bool (*finish)(struct config *config, struct failure *why);
	const char *doc; /* for the example files: whole sentences, "\n" between lines */
};

extern const struct config_setting config_settings[];
extern const size_t config_setting_count;

/* Longer than the name of any setting with _FILE behind it. */
#define CONFIG_NAME_SIZE 64

/* The setting at [section] key; NULL if there is none. */
const struct config_setting *config_setting_find(const char *section, const char *key);

/* The setting whose place in the INI file is spelt most like [section] key; NULL: none is spelt
 * like it. */
const struct config_setting *config_setting_nearest(const char *section, const char *key);

/* The section spelt most like this one; NULL: none is spelt like it. */
const char *config_section_nearest(const char *section);

/* Is there such a section? */
bool config_section_known(const char *section);

#endif

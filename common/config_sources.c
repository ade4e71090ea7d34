/*
 * config_sources.c - which text each setting got, and from where.      [every process]
 */
#include "common/config_sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_file.h"
#include "common/config_ini.h"
#include "common/text.h"

#define VALUE_FILE_LIMIT ((size_t)64 * 1024)

/* One of the two ways to give a setting in one source: itself, or a file that holds it. */
struct given {
	char *text;
	unsigned int line; /* in the INI file; 0: not given there */
};

struct ini_setting {
	struct given value, file;
	bool wrong; /* the reader refused its line, and said so */
};

struct ini {
	const char *path;
	struct ini_setting *settings; /* as many as the table has */
	struct config_errors *errors;
};

static void
replace(struct config_source *source, char *text, char *place)
{
	text_free_secret(source->text);
	free(source->place);
	source->text = text;
	source->place = place;
}

__attribute__((format(printf, 1, 2))) static char *
format_text(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int size;

	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	return size < 0 ? NULL : text;
}

/* ---------------------------------------------------------------- the INI file */

static const char file_suffix[] = "_file";

/* "client_secret_file" -> "client_secret" in name; false where the key has no such end. */
static bool
without_suffix(const char *key, char name[CONFIG_NAME_SIZE])
{
	size_t size = strlen(key), suffix_size = sizeof(file_suffix) - 1;

	if (size <= suffix_size || size - suffix_size >= CONFIG_NAME_SIZE ||
	    strcmp(key + size - suffix_size, file_suffix) != 0)
		return false;
	snprintf(name, CONFIG_NAME_SIZE, "%.*s", (int)(size - suffix_size), key);
	return true;
}

static void
report_unknown(struct ini *ini, const char *section, const char *key, unsigned int line)
{
	char name[CONFIG_NAME_SIZE];
	bool by_file = without_suffix(key, name);
	const char *suffix = by_file ? file_suffix : "";
	const struct config_setting *nearest =
		config_setting_nearest(section, by_file ? name : key);

	if (nearest == NULL)
		config_errors_add(ini->errors, "[%s] %s: no such setting (%s line %u)", section,
				  key, ini->path, line);
	else if (strcmp(section, nearest->section) == 0)
		config_errors_add(ini->errors,
				  "[%s] %s: no such setting; did you mean %s%s? (%s line %u)",
				  section, key, nearest->key, suffix, ini->path, line);
	else
		config_errors_add(ini->errors,
				  "[%s] %s: no such setting; did you mean [%s] %s%s? (%s line %u)",
				  section, key, nearest->section, nearest->key, suffix, ini->path,
				  line);
}

static const struct config_setting *
find_setting(const char *section, const char *key, bool *by_file)
{
	const struct config_setting *setting = config_setting_find(section, key);
	char name[CONFIG_NAME_SIZE];

	*by_file = setting == NULL && without_suffix(key, name);
	return *by_file ? config_setting_find(section, name) : setting;
}

static void
take_ini(void *context, const char *section, const char *key, const char *value, unsigned int line)
{
	struct ini *ini = context;
	bool by_file;
	const struct config_setting *setting = find_setting(section, key, &by_file);
	struct ini_setting *found;
	struct given *given;

	if (setting == NULL) {
		if (value != NULL)
			report_unknown(ini, section, key, line);
		return;
	}
	found = &ini->settings[setting - config_settings];
	if (value == NULL) {
		found->wrong = true;
		return;
	}
	given = by_file ? &found->file : &found->value;
	if (given->line != 0) {
		config_errors_add(ini->errors,
				  "[%s] %s: given twice (%s line %u, before on line %u)", section,
				  key, ini->path, line, given->line);
		return;
	}
	given->line = line;
	given->text = strdup(value);
	if (given->text == NULL)
		config_errors_add(ini->errors, "%s: out of memory", ini->path);
}

/* ---------------------------------------------------------------- a value in a file */

/* The new text of a setting; it fails only for want of memory. */
static void
take_text(struct config_source *source, const char *text, char *place, struct config_errors *errors)
{
	replace(source, strdup(text), place);
	if (source->text == NULL) {
		config_errors_add(errors, "out of memory");
		source->wrong = true;
	}
}

/*
 * The contents of the file, less one newline at its end, become the setting's text. `name` is what
 * the user wrote to name the file; where it stands is told by `where`.
 */
static void
take_file(struct config_source *source, const char *name, const char *path, const char *where,
	  struct config_errors *errors)
{
	struct config_file file;
	struct failure why;

	if (!config_file_read(path, VALUE_FILE_LIMIT, &file, &why)) {
		config_errors_add(errors, "%s: %s %s%s", name, path, why.message, where);
		source->wrong = true;
		return;
	}
	if (file.size > 0 && file.text[file.size - 1] == '\n') {
		file.size -= file.size > 1 && file.text[file.size - 2] == '\r' ? 2 : 1;
		file.text[file.size] = '\0';
	}
	if (strlen(file.text) != file.size) {
		config_errors_add(errors, "%s: %s holds a NUL byte%s", name, path, where);
		source->wrong = true;
	} else if (file.size > 0) {
		take_text(source, file.text, format_text("the file %s, named by %s", path, name),
			  errors);
	} else if (source->text == NULL) {
		replace(source, NULL,
			format_text("the file %s, named by %s, is empty", path, name));
	}
	config_file_free(&file);
}

static bool
is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

/* ---------------------------------------------------------------- all sources of one setting */

static void
apply_ini(const struct config_setting *setting, struct ini_setting *found, const char *path,
	  struct config_source *source, struct config_errors *errors)
{
	char name[2 * CONFIG_NAME_SIZE], *where;

	source->wrong = source->wrong || found->wrong;
	if (is_set(found->value.text) && is_set(found->file.text)) {
		config_errors_add(errors,
				  "[%s] %s and %s_file: only one of them (%s lines %u and %u)",
				  setting->section, setting->key, setting->key, path,
				  found->value.line, found->file.line);
		source->wrong = true;
	} else if (is_set(found->value.text)) {
		replace(source, found->value.text,
			format_text("%s line %u, [%s] %s", path, found->value.line,
				    setting->section, setting->key));
		found->value.text = NULL;
	} else if (is_set(found->file.text)) {
		snprintf(name, sizeof(name), "[%s] %s_file", setting->section, setting->key);
		where = format_text(" (%s line %u)", path, found->file.line);
		take_file(source, name, found->file.text, where == NULL ? "" : where, errors);
		free(where);
	}
}

static void
apply_environment(const struct config_setting *setting, struct config_source *source,
		  struct config_errors *errors)
{
	char file_name[CONFIG_NAME_SIZE];
	const char *value = getenv(setting->env), *path;

	snprintf(file_name, sizeof(file_name), "%s_FILE", setting->env);
	path = getenv(file_name);
	if (is_set(value) && is_set(path)) {
		config_errors_add(errors, "%s and %s: only one of them may be set", setting->env,
				  file_name);
		source->wrong = true;
	} else if (is_set(value)) {
		take_text(source, value, NULL, errors);
	} else if (is_set(path)) {
		take_file(source, file_name, path, "", errors);
	}
}

static void
apply_default(const struct config_setting *setting, struct config_source *source,
	      struct config_errors *errors)
{
	*source = (struct config_source){.text = NULL};
	if (setting->default_text != NULL)
		take_text(source, setting->default_text, NULL, errors);
}

void
config_sources_read(const char *ini_path, struct config_source *sources,
		    struct config_errors *errors)
{
	struct ini ini = {.path = ini_path, .errors = errors};
	bool unread = false;

	for (size_t i = 0; i < config_setting_count; i++)
		apply_default(&config_settings[i], &sources[i], errors);
	ini.settings = calloc(config_setting_count, sizeof(*ini.settings));
	if (ini.settings == NULL) {
		config_errors_add(errors, "out of memory");
		return;
	}
	if (ini_path != NULL && !config_ini_read(ini_path, take_ini, &ini, errors))
		unread = true;
	for (size_t i = 0; i < config_setting_count; i++) {
		apply_ini(&config_settings[i], &ini.settings[i], ini_path, &sources[i], errors);
		apply_environment(&config_settings[i], &sources[i], errors);
		text_free_secret(ini.settings[i].value.text);
		text_free_secret(ini.settings[i].file.text);
		/* It may stand in the file: nobody knows. */
		sources[i].wrong = sources[i].wrong || unread;
	}
	free(ini.settings);
}

void
config_sources_free(struct config_source *sources)
{
	for (size_t i = 0; i < config_setting_count; i++)
		replace(&sources[i], NULL, NULL);
}

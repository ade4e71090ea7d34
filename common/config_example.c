/*
 * config_example.c - the example files, as the table has them.         [every process]
 */
#include <string.h>

#include "common/config.h"
#include "common/config_table.h"
#include "common/config_value.h"

static const char ini_head[] =
	"# isekai-publisher -c FILE: every setting, its meaning and its default.\n"
	"#\n"
	"# This text is made from the table in common/config_table.c; a test keeps them equal. "
	"Defaults stand\n"
	"# as comments. The environment wins over this file. An empty value counts as unset. Any "
	"setting can\n"
	"# be given as a file instead: <key>_file = /run/secrets/..., whose one newline at the end "
	"is left\n"
	"# out. A ; after a blank begins a comment, also behind a value. Where a value holds one, "
	"or a line\n"
	"# grows longer than the parser takes (about 200 bytes), use a file or the environment.\n"
	"# Check it with: isekai-publisher -t -c FILE\n";

static const char env_head[] = "# Every setting, its meaning and its default, for --env-file, "
			       "EnvironmentFile= and the like.\n"
			       "#\n"
			       "# This text is made from the table in common/config_table.c; a "
			       "test keeps them equal. Defaults stand\n"
			       "# as comments. The environment wins over the INI file. An empty "
			       "value counts as unset. Any setting\n"
			       "# can be given as a file instead: <NAME>_FILE=/run/secrets/..., "
			       "whose one newline at the end is left\n"
			       "# out. Check it with: isekai-publisher -t\n";

/* The documentation, a "# " before each of its lines. */
static void
print_doc(FILE *out, const char *doc)
{
	while (*doc != '\0') {
		size_t size = strcspn(doc, "\n");

		fprintf(out, "# %.*s\n", (int)size, doc);
		doc += size + (doc[size] == '\n');
	}
}

static void
print_domain(FILE *out, const struct config_setting *setting)
{
	char wanted[128];

	if (setting->type != CONFIG_TEXT && setting->type != CONFIG_SECRET) {
		config_value_describe(setting, wanted, sizeof(wanted));
		fprintf(out, "# Takes %s.\n", wanted);
	}
	if (setting->default_text == NULL)
		fprintf(out, "# Required.\n");
	else if (setting->example != NULL && *setting->default_text != '\0')
		fprintf(out, "# Default: %s\n", setting->default_text);
}

static void
print_setting(FILE *out, const struct config_setting *setting, enum config_example kind)
{
	const char *value = setting->example != NULL ? setting->example : setting->default_text;
	const char *comment = setting->example != NULL ? "" : "#";

	fputc('\n', out);
	print_doc(out, setting->doc);
	print_domain(out, setting);
	if (kind == CONFIG_EXAMPLE_ENV) {
		fprintf(out, "%s%s=%s\n", comment, setting->env, value);
		return;
	}
	fprintf(out, "# In the environment: %s\n", setting->env);
	fprintf(out, "%s%s =%s%s\n", comment, setting->key, *value == '\0' ? "" : " ", value);
}

bool
config_print_example(FILE *out, enum config_example kind)
{
	const char *section = "";

	fputs(kind == CONFIG_EXAMPLE_ENV ? env_head : ini_head, out);
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];

		if (kind == CONFIG_EXAMPLE_INI && strcmp(section, setting->section) != 0)
			fprintf(out, "\n[%s]\n", setting->section);
		section = setting->section;
		print_setting(out, setting, kind);
	}
	return fflush(out) == 0 && !ferror(out);
}

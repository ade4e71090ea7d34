/*
 * config_manual.c - the settings, as isekai-publisher.ini(5) has them. [manual pages]
 */
#include <string.h>

#include "common/config.h"
#include "common/config_table.h"
#include "common/config_value.h"
#include "common/mdoc.h"

static const char *
unit_of(const struct config_setting *setting)
{
	if (setting->type == CONFIG_MS)
		return ", in milliseconds";
	return setting->type == CONFIG_PERCENT ? ", in percent" : "";
}

static void
print_value(FILE *out, const char *what, const char *value)
{
	fprintf(out, "%s\n.Ql ", what);
	mdoc_print_argument(out, value);
	fputs(" .\n", out);
}

static void
print_default(FILE *out, const struct config_setting *setting)
{
	if (setting->default_text == NULL)
		fputs("Required.\n", out);
	else if (*setting->default_text == '\0')
		fputs("Not set by default.\n", out);
	else
		print_value(out, "Default:", setting->default_text);
	if (setting->example != NULL)
		print_value(out, "For example:", setting->example);
}

static void
print_setting(FILE *out, const struct config_setting *setting)
{
	char wanted[128], takes[192];

	fprintf(out, ".It Ic %s Pq Ev %s\n", setting->key, setting->env);
	mdoc_print_text(out, setting->doc);
	config_value_describe(setting, wanted, sizeof(wanted));
	snprintf(takes, sizeof(takes), "Takes %s%s.", wanted, unit_of(setting));
	mdoc_print_text(out, takes);
	print_default(out, setting);
}

bool
config_print_manual(FILE *out)
{
	const char *section = "";

	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];

		if (strcmp(section, setting->section) != 0)
			fprintf(out, "%s.Ss [%s]\\&\n.Bl -tag -width Ds\n",
				*section != '\0' ? ".El\n" : "", setting->section);
		section = setting->section;
		print_setting(out, setting);
	}
	fputs(".El\n", out);
	return fflush(out) == 0 && !ferror(out);
}

/*
 * config_value.c - from the text of a setting to its member of struct config.      [every process]
 */
#include "common/config_value.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"

#define SHOWN_SIZE 64 /* of a wrong value in a message */
#define DIGITS_MAX 15 /* of a number: exact in a double, far past every bound */

static const char *const levels[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

static void *
member(struct config *config, const struct config_setting *setting)
{
	return (char *)config + setting->offset;
}

void
config_value_describe(const struct config_setting *setting, char *out, size_t size)
{
	switch (setting->type) {
	case CONFIG_INTEGER:
	case CONFIG_PERCENT:
	case CONFIG_MS:
		snprintf(out, size, "a whole number from %.0f to %.0f", setting->min, setting->max);
		break;
	case CONFIG_FACTOR:
		snprintf(out, size, "a number from %g to %g", setting->min, setting->max);
		break;
	case CONFIG_BOOLEAN:
		snprintf(out, size, "a boolean (true, false, 1, 0, yes, no, on, off)");
		break;
	case CONFIG_LEVEL:
		snprintf(out, size, "a log level (debug, info, warn, error)");
		break;
	case CONFIG_TEXT:
	case CONFIG_SECRET:
		snprintf(out, size, "a text of at most %.0f bytes", setting->max);
		break;
	}
}

/* `"ten" is not a whole number from 1 to 1024`; a secret is not quoted. */
static bool
refuse(const struct config_setting *setting, const char *text, struct failure *why)
{
	char shown[SHOWN_SIZE], wanted[128];
	bool cut;

	config_value_describe(setting, wanted, sizeof(wanted));
	if (setting->type == CONFIG_SECRET)
		return failure_set(why, FAILURE_OPERATOR, "is not %s", wanted);
	text_json_escape(shown, sizeof(shown), text, &cut);
	return failure_set(why, FAILURE_OPERATOR, "\"%s%s\" is not %s", shown, cut ? "..." : "",
			   wanted);
}

static bool
parse_number(const char *text, bool whole, double *number)
{
	size_t digits = 0, points = 0;

	for (const char *at = text; *at != '\0'; at++) {
		if (isdigit((unsigned char)*at))
			digits++;
		else if (*at == '.' && at > text && at[1] != '\0')
			points++;
		else
			return false;
	}
	if (digits == 0 || digits > DIGITS_MAX || points > (whole ? 0 : 1))
		return false;
	*number = strtod(text, NULL); /* the locale is never set: the point is a point */
	return true;
}

static bool
set_number(struct config *config, const struct config_setting *setting, const char *text,
	   struct failure *why)
{
	double number;

	if (!parse_number(text, setting->type != CONFIG_FACTOR, &number) || number < setting->min ||
	    number > setting->max)
		return refuse(setting, text, why);
	if (setting->type == CONFIG_FACTOR)
		*(double *)member(config, setting) = number;
	else if (setting->type == CONFIG_MS)
		*(int64_t *)member(config, setting) = (int64_t)number;
	else
		*(int *)member(config, setting) = (int)number;
	return true;
}

static bool
set_boolean(struct config *config, const struct config_setting *setting, const char *text,
	    struct failure *why)
{
	static const char *const words[][2] = {
		{"false", "true"}, {"0", "1"}, {"no", "yes"}, {"off", "on"}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int value = 0; value < 2; value++) {
			if (strcasecmp(text, words[i][value]) != 0)
				continue;
			*(bool *)member(config, setting) = value == 1;
			return true;
		}
	}
	return refuse(setting, text, why);
}

static bool
set_level(struct config *config, const struct config_setting *setting, const char *text,
	  struct failure *why)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcasecmp(text, levels[i]) == 0) {
			*(enum log_level *)member(config, setting) = (enum log_level)i;
			return true;
		}
	}
	return refuse(setting, text, why);
}

static bool
set_text(struct config *config, const struct config_setting *setting, const char *text,
	 struct failure *why)
{
	char *copy;

	if ((double)strlen(text) > setting->max)
		return refuse(setting, text, why);
	/* They end in headers, keys and URLs, where a line break would begin something new. */
	for (const char *at = text; *at != '\0'; at++) {
		if (iscntrl((unsigned char)*at))
			return failure_set(why, FAILURE_OPERATOR,
					   "holds a control character (a line break?)");
	}
	copy = strdup(text);
	if (copy == NULL)
		return failure_set(why, FAILURE_OPERATOR, "out of memory");
	config_value_free(config, setting);
	*(char **)member(config, setting) = copy;
	return setting->finish == NULL || setting->finish(config, why);
}

bool
config_value_set(struct config *config, const struct config_setting *setting, const char *text,
		 struct failure *why)
{
	switch (setting->type) {
	case CONFIG_INTEGER:
	case CONFIG_PERCENT:
	case CONFIG_MS:
	case CONFIG_FACTOR:
		return set_number(config, setting, text, why);
	case CONFIG_BOOLEAN:
		return set_boolean(config, setting, text, why);
	case CONFIG_LEVEL:
		return set_level(config, setting, text, why);
	case CONFIG_TEXT:
	case CONFIG_SECRET:
	default:
		return set_text(config, setting, text, why);
	}
}

void
config_value_free(struct config *config, const struct config_setting *setting)
{
	char **text;

	if (setting->type != CONFIG_TEXT && setting->type != CONFIG_SECRET)
		return;
	text = member(config, setting);
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

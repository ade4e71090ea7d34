/*
 * config.c - the settings of a running publisher.                      [every process]
 *
 * Sources give each setting a text (config_sources.c), the text becomes a value (config_value.c),
 * and what can only be seen with all values at hand is checked here. Every step goes on after an
 * error, so that all of them are told.
 */
#include "common/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/config_sources.h"
#include "common/config_table.h"
#include "common/config_value.h"

/* `ENV: what is wrong (place)`; from the environment the name says where. */
static void
complain(struct config_errors *errors, const char *env, const char *what, const char *place)
{
	if (place == NULL)
		config_errors_add(errors, "%s: %s", env, what);
	else
		config_errors_add(errors, "%s: %s (%s)", env, what, place);
}

/* `DATABASE_URL: required, not set (postgresql://...)`; place tells of an empty file. */
static void
complain_unset(struct config_errors *errors, const struct config_setting *setting,
	       const char *place)
{
	if (place != NULL)
		config_errors_add(errors, "%s: required, not set (%s)", setting->env, place);
	else if (strstr(setting->example, "://") != NULL)
		config_errors_add(errors, "%s: required, not set (%s)", setting->env,
				  setting->example);
	else
		config_errors_add(errors, "%s: required, not set", setting->env);
}

/* False where the setting has no usable value; the reason is in *errors. */
static bool
store(struct config *config, const struct config_setting *setting,
      const struct config_source *source, struct config_errors *errors)
{
	struct failure why;

	if (source->text == NULL) {
		if (!source->wrong)
			complain_unset(errors, setting, source->place);
		return false;
	}
	if (config_value_set(config, setting, source->text, &why))
		return true;
	complain(errors, setting->env, why.message, source->place);
	return false;
}

/* What the cross-checks look at; a setting that is wrong by itself (not stored) is none of theirs.
 */
struct settled {
	struct config *config;
	const struct config_source *sources;
	const bool *stored;
	struct config_errors *errors;
};

static size_t
index_of(const char *section, const char *key)
{
	return (size_t)(config_setting_find(section, key) - config_settings);
}

static bool
is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

/* Without an endpoint the host name is made from the region. */
static void
check_region(const struct settled *settled)
{
	size_t endpoint = index_of("storage", "endpoint"), region = index_of("storage", "region");
	const char *name = settled->config->s3_region;

	if (!settled->stored[endpoint] || !settled->stored[region] ||
	    settled->sources[endpoint].wrong || settled->sources[region].wrong ||
	    is_set(settled->config->s3_endpoint) || (is_set(name) && strcasecmp(name, "auto") != 0))
		return;
	config_errors_add(settled->errors,
			  "%s: required by name, as eu-central-1, while %s is not set (AWS)",
			  config_settings[region].env, config_settings[endpoint].env);
}

static void
check_delays(const struct settled *settled)
{
	size_t base = index_of("rate_limiter", "base_delay_ms");
	size_t max = index_of("rate_limiter", "max_delay_ms");
	/* The place of the one that was set; a default has none worth telling. */
	const char *place = settled->sources[max].place != NULL ? settled->sources[max].place
								: settled->sources[base].place;
	char *what = NULL;

	if (!settled->stored[base] || !settled->stored[max] ||
	    settled->config->rate_limiter_max_delay_ms >=
		    settled->config->rate_limiter_base_delay_ms)
		return;
	if (asprintf(&what, "%s is under %s, which is %s", settled->sources[max].text,
		     config_settings[base].env, settled->sources[base].text) < 0) {
		settled->errors->lost = true;
		return;
	}
	complain(settled->errors, config_settings[max].env, what, place);
	free(what);
}

static void
settle(struct config *config, const struct config_source *sources, bool *stored,
       struct config_errors *errors)
{
	struct settled settled = {config, sources, stored, errors};

	for (size_t i = 0; i < config_setting_count; i++)
		stored[i] = store(config, &config_settings[i], &sources[i], errors);
	check_region(&settled);
	check_delays(&settled);
}

struct config *
config_load(const char *ini_path, struct config_errors *errors)
{
	struct config *config = calloc(1, sizeof(*config));
	struct config_source *sources = calloc(config_setting_count, sizeof(*sources));
	bool *stored = calloc(config_setting_count, sizeof(*stored));

	if (config == NULL || sources == NULL || stored == NULL) {
		config_errors_add(errors, "out of memory");
	} else {
		config_sources_read(ini_path, sources, errors);
		settle(config, sources, stored, errors);
		config_sources_free(sources);
	}
	free(sources);
	free(stored);
	if (config_errors_any(errors)) {
		config_free(config);
		return NULL;
	}
	return config;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	database_address_free(&config->database);
	redis_address_free(&config->redis);
	for (size_t i = 0; i < config_setting_count; i++)
		config_value_free(config, &config_settings[i]);
	free(config);
}

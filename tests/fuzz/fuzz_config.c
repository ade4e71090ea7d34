/*
 * fuzz_config.c - an INI file and an environment become settings, or a list of what is wrong.
 * [tests]
 *
 * Input: the INI file, "---", the environment as lines NAME=value; "---"; the contents of the file
 * that names in both may point to (as "@"). Holds: settings are complete and within the table's
 * bounds, or at least one error is told; written out as an INI file they are read back the same; an
 * error never repeats a secret.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/config.h"
#include "common/config_table.h"
#include "tests/fuzz/input.h"

/* Part of a secret, where an input has it: nothing else may be spelt so. */
static const char canary[] = "Zq9Canary";

static int ini_fd = -1, value_fd = -1;
static char ini_path[32], value_path[32];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	ini_fd = memfd_create("ini", MFD_CLOEXEC);
	value_fd = memfd_create("value", MFD_CLOEXEC);
	FUZZ_CHECK(ini_fd >= 0 && value_fd >= 0);
	(void)snprintf(ini_path, sizeof(ini_path), "/proc/self/fd/%d", ini_fd);
	(void)snprintf(value_path, sizeof(value_path), "/proc/self/fd/%d", value_fd);
	return 0;
}

static void
write_file(int fd, const char *bytes, size_t size)
{
	FUZZ_CHECK(ftruncate(fd, 0) == 0);
	FUZZ_CHECK(pwrite(fd, bytes, size, 0) == (ssize_t)size);
}

static void
clear_environment(void)
{
	char name[CONFIG_NAME_SIZE];

	for (size_t i = 0; i < config_setting_count; i++) {
		(void)snprintf(name, sizeof(name), "%s_FILE", config_settings[i].env);
		(void)unsetenv(config_settings[i].env);
		(void)unsetenv(name);
	}
}

/* Only names of ours: the fuzzer itself lives in this environment, too. */
static bool
is_ours(const char *name)
{
	char file[CONFIG_NAME_SIZE];

	for (size_t i = 0; i < config_setting_count; i++) {
		(void)snprintf(file, sizeof(file), "%s_FILE", config_settings[i].env);
		if (strcmp(name, config_settings[i].env) == 0 || strcmp(name, file) == 0)
			return true;
	}
	return false;
}

/* A URL of a server may have been given a password by mistake. */
static bool
is_secret(const char *env)
{
	if (strcmp(env, "S3_ENDPOINT") == 0 || strcmp(env, "DEVIANTART_BASE_URL") == 0)
		return true;
	for (size_t i = 0; i < config_setting_count; i++)
		if (strcmp(env, config_settings[i].env) == 0)
			return config_settings[i].type == CONFIG_SECRET;
	return false;
}

static size_t
count_of(const char *text, size_t size)
{
	size_t count = 0;
	const char *end = text + size, *at = text;

	while ((at = memmem(at, (size_t)(end - at), canary, sizeof(canary) - 1)) != NULL) {
		count++;
		at += sizeof(canary) - 1;
	}
	return count;
}

/* Sets what the lines say; returns how often the canary stood in a secret. */
static size_t
set_environment(char *lines)
{
	size_t canaries = 0;
	char *rest = NULL;

	for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *value = strchr(line, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (!is_ours(line))
			continue;
		if (is_secret(line))
			canaries += count_of(value, strlen(value));
		(void)setenv(line, strcmp(value, "@") == 0 ? value_path : value, 1);
	}
	return canaries;
}

static void
check_bounds(const struct config *config)
{
	const char *base = (const char *)config;

	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];
		const void *member = base + setting->offset;

		if (setting->type == CONFIG_TEXT || setting->type == CONFIG_SECRET)
			FUZZ_CHECK(*(char *const *)member != NULL &&
				   (double)strlen(*(char *const *)member) <= setting->max);
		else if (setting->type == CONFIG_INTEGER || setting->type == CONFIG_PERCENT)
			FUZZ_CHECK(*(const int *)member >= setting->min &&
				   *(const int *)member <= setting->max);
		else if (setting->type == CONFIG_MS)
			FUZZ_CHECK((double)*(const int64_t *)member >= setting->min &&
				   (double)*(const int64_t *)member <= setting->max);
		else if (setting->type == CONFIG_FACTOR)
			FUZZ_CHECK(*(const double *)member >= setting->min &&
				   *(const double *)member <= setting->max);
	}
	FUZZ_CHECK(config->rate_limiter_max_delay_ms >= config->rate_limiter_base_delay_ms);
	FUZZ_CHECK(config->database.conninfo != NULL && config->database.schema != NULL);
	FUZZ_CHECK((config->redis.host == NULL) != (config->redis.path == NULL));
}

static const char *
written(const struct config *config, const struct config_setting *setting, char out[64])
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	const void *member = (const char *)config + setting->offset;

	switch (setting->type) {
	case CONFIG_TEXT:
	case CONFIG_SECRET:
		return *(char *const *)member;
	case CONFIG_INTEGER:
	case CONFIG_PERCENT:
		(void)snprintf(out, 64, "%d", *(const int *)member);
		break;
	case CONFIG_MS:
		(void)snprintf(out, 64, "%lld", (long long)*(const int64_t *)member);
		break;
	case CONFIG_FACTOR:
		(void)snprintf(out, 64, "%.15g", *(const double *)member);
		break;
	case CONFIG_BOOLEAN:
		(void)snprintf(out, 64, "%s", *(const bool *)member ? "true" : "false");
		break;
	case CONFIG_LEVEL:
		(void)snprintf(out, 64, "%s", levels[*(const enum log_level *)member]);
		break;
	}
	return out;
}

/* What was read, given again as an environment, is read the same. */
static void
check_read_back(const struct config *config)
{
	struct config_errors errors = CONFIG_ERRORS_NONE;
	struct config *again;
	char out[64], out_again[64];

	clear_environment();
	for (size_t i = 0; i < config_setting_count; i++)
		(void)setenv(config_settings[i].env, written(config, &config_settings[i], out), 1);
	again = config_load(NULL, &errors);
	if (again == NULL)
		config_errors_print(&errors, stderr);
	FUZZ_CHECK(again != NULL);
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];

		FUZZ_CHECK(fuzz_same(written(config, setting, out),
				     written(again, setting, out_again)));
	}
	FUZZ_CHECK(fuzz_same(config->database.conninfo, again->database.conninfo));
	FUZZ_CHECK(fuzz_same(config->redis.password, again->redis.password));
	config_free(again);
	config_errors_free(&errors);
}

static void
check_errors(const struct config_errors *errors, bool canary_is_secret)
{
	FUZZ_CHECK(config_errors_any(errors));
	for (size_t i = 0; i < errors->count; i++) {
		FUZZ_CHECK(errors->texts[i][0] != '\0');
		if (canary_is_secret)
			FUZZ_CHECK(strstr(errors->texts[i], canary) == NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size};
	struct config_errors errors = CONFIG_ERRORS_NONE;
	struct config *config;
	size_t ini_size, environment_size, value_size, canaries, in_secrets;
	char *ini = fuzz_part(&input, &ini_size);
	char *environment = fuzz_part(&input, &environment_size);
	char *value = fuzz_part(&input, &value_size);

	canaries = count_of(ini, ini_size) + count_of(environment, environment_size);
	write_file(ini_fd, ini, ini_size);
	write_file(value_fd, value, value_size);
	clear_environment();
	in_secrets = set_environment(environment);
	config = config_load(ini_path, &errors);
	if (config != NULL) {
		FUZZ_CHECK(!config_errors_any(&errors));
		check_bounds(config);
		check_read_back(config);
	} else {
		/* What the value's file holds is a secret of whoever wrote it, whatever names it.
		 */
		check_errors(&errors, canaries == in_secrets);
	}
	config_free(config);
	config_errors_free(&errors);
	free(ini);
	free(environment);
	free(value);
	return 0;
}

/*
 * config_case.c - an environment, an INI file, and what config_load() makes of them.
 */
#include "tests/unit/config_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config_table.h"

char config_case_directory[64];
char config_case_ini_path[96];
char config_case_value_path[96];

void
config_case_clear(void)
{
	for (size_t i = 0; i < config_setting_count; i++) {
		char name[CONFIG_NAME_SIZE];

		unsetenv(config_settings[i].env);
		snprintf(name, sizeof(name), "%s_FILE", config_settings[i].env);
		unsetenv(name);
	}
}

int
config_case_set_up(void **state)
{
	(void)state;
	snprintf(config_case_directory, sizeof(config_case_directory), "/tmp/test_config.XXXXXX");
	if (mkdtemp(config_case_directory) == NULL)
		return -1;
	snprintf(config_case_ini_path, sizeof(config_case_ini_path), "%s/config.ini",
		 config_case_directory);
	snprintf(config_case_value_path, sizeof(config_case_value_path), "%s/value",
		 config_case_directory);
	config_case_clear();
	setenv("DATABASE_URL", "postgresql://user@host:5432/db", 1);
	setenv("REDIS_URL", "redis://localhost", 1);
	setenv("DEVIANTART_CLIENT_ID", "id", 1);
	setenv("DEVIANTART_CLIENT_SECRET", "da-secret", 1);
	setenv("S3_ENDPOINT", "http://minio:9000/", 1);
	setenv("S3_ACCESS_KEY_ID", "key", 1);
	setenv("S3_SECRET_ACCESS_KEY", "s3-secret", 1);
	setenv("S3_BUCKET_NAME", "bucket", 1);
	return 0;
}

int
config_case_tear_down(void **state)
{
	(void)state;
	unlink(config_case_ini_path);
	unlink(config_case_value_path);
	return rmdir(config_case_directory);
}

void
config_case_write(const char *path, const char *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

void
config_case_write_ini(const char *text)
{
	config_case_write(config_case_ini_path, text, strlen(text));
}

struct config *
config_case_load(const char *path)
{
	struct config_errors errors = CONFIG_ERRORS_NONE;
	struct config *config = config_load(path, &errors);

	if (config == NULL) {
		config_errors_print(&errors, stderr);
		fail_msg("not loaded");
	}
	assert_false(config_errors_any(&errors));
	config_errors_free(&errors);
	return config;
}

const char *
config_case_refused(const char *path)
{
	static char text[16384];
	struct config_errors errors = CONFIG_ERRORS_NONE;
	size_t used = 0;

	assert_null(config_load(path, &errors));
	assert_true(config_errors_any(&errors));
	text[0] = '\0';
	for (size_t i = 0; i < errors.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "\n%s", errors.texts[i]);
	assert_true(used < sizeof(text));
	config_errors_free(&errors);
	return text;
}

void
config_case_assert_says(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in:%s", part, text);
}

void
config_case_assert_only_error(const char *path, const char *expected)
{
	const char *text = config_case_refused(path);

	if (strcmp(text + 1, expected) != 0)
		fail_msg("not \"%s\" but:%s", expected, text);
}

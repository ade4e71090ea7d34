/*
 * config*.c: which value wins, what is refused and in which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/config_table.h"
#include "tests/unit/config_case.h"

static void
defaults_are_those_of_the_contract(void **state)
{
	struct config *config = config_case_load(NULL);

	(void)state;
	assert_string_equal(config->deviantart_base_url, "https://www.deviantart.com");
	assert_string_equal(config->s3_region, "auto");
	assert_false(config->s3_force_path_style);
	assert_string_equal(config->s3_path_prefix, "");
	assert_string_equal(config->queue_name, "deviation-publisher");
	assert_string_equal(config->queue_prefix, "bull");
	assert_int_equal(config->concurrency, 5);
	assert_int_equal(config->max_attempts, 7);
	assert_int_equal(config->job_timeout_ms, 600000);
	assert_int_equal(config->lock_duration_ms, 30000);
	assert_int_equal(config->stale_check_interval_ms, 30000);
	assert_int_equal(config->max_stalled_count, 2);
	assert_int_equal(config->drain_timeout_ms, 30000);
	assert_int_equal(config->limiter_max, 0);
	assert_int_equal(config->unknown_wait_ms, 120000);
	assert_int_equal(config->reconcile_interval_ms, 60000);
	assert_true(config->rate_limiter_enabled);
	assert_int_equal(config->rate_limiter_base_delay_ms, 3000);
	assert_int_equal(config->rate_limiter_max_delay_ms, 300000);
	assert_int_equal(config->rate_limiter_jitter_percent, 20);
	assert_true(config->rate_limiter_success_decrease_factor == 0.9);
	assert_true(config->rate_limiter_failure_increase_factor == 2.0);
	assert_true(config->circuit_breaker_enabled);
	assert_int_equal(config->circuit_breaker_threshold, 3);
	assert_int_equal(config->circuit_breaker_open_duration_ms, 300000);
	assert_int_equal(config->log_level, LOG_INFO);
	assert_true(config->health_check_enabled);
	assert_string_equal(config->health_check_host, "0.0.0.0");
	assert_int_equal(config->health_check_port, 5000);
	assert_false(config->health_check_details);
	config_free(config);
}

static void
environment_is_read_and_derived_from(void **state)
{
	struct config *config;

	(void)state;
	setenv("DATABASE_URL", "postgresql://u:p@h/d?schema=core&pgbouncer=true", 1);
	setenv("REDIS_URL", "redis://:pw@[::1]:7000/2", 1);
	setenv("S3_FORCE_PATH_STYLE", "Yes", 1);
	setenv("RATE_LIMITER_SUCCESS_DECREASE_FACTOR", "0.25", 1);
	setenv("LOG_LEVEL", "WARN", 1);
	setenv("HEALTH_CHECK_ENABLED", "off", 1);
	setenv("HEALTH_CHECK_HOST", "::1", 1);
	setenv("HEALTH_CHECK_DETAILS", "true", 1);
	setenv("UNHEARD_OF", "x", 1);
	config = config_case_load(NULL);
	assert_string_equal(config->database.conninfo, "postgresql://u:p@h/d");
	assert_string_equal(config->database.schema, "core");
	assert_true(config->database.pgbouncer);
	assert_string_equal(config->redis.host, "::1");
	assert_string_equal(config->redis.password, "pw");
	assert_int_equal(config->redis.db, 2);
	assert_string_equal(config->s3_endpoint, "http://minio:9000");
	assert_true(config->s3_force_path_style);
	assert_true(config->rate_limiter_success_decrease_factor == 0.25);
	assert_int_equal(config->log_level, LOG_WARN);
	assert_false(config->health_check_enabled);
	assert_true(config->health_check_details);
	config_free(config);
}

static void
later_source_wins_and_empty_counts_as_unset(void **state)
{
	struct config *config;

	(void)state;
	config_case_write_ini("\xEF\xBB\xBF# a comment\r\n"
			      "[publisher]\r\n"
			      "concurrency = 9 ; nine of them\r\n"
			      "  max_attempts=3\r\n"
			      "limiter_max: 4\r\n"
			      "drain_timeout_ms =\r\n"
			      "\r\n"
			      "[log]\r\n"
			      "level = debug");
	setenv("PUBLISHER_CONCURRENCY", "11", 1);
	setenv("PUBLISHER_MAX_ATTEMPTS", "", 1);
	setenv("PUBLISHER_MAX_ATTEMPTS_FILE", "", 1);
	config = config_case_load(config_case_ini_path);
	assert_int_equal(config->concurrency, 11);
	assert_int_equal(config->max_attempts, 3);
	assert_int_equal(config->limiter_max, 4);
	assert_int_equal(config->drain_timeout_ms, 30000);
	assert_int_equal(config->log_level, LOG_DEBUG);
	config_free(config);
}

static void
one_newline_is_stripped_from_a_file(void **state)
{
	struct config *config;
	char ini[256];

	(void)state;
	unsetenv("DEVIANTART_CLIENT_SECRET");
	setenv("DEVIANTART_CLIENT_SECRET_FILE", config_case_value_path, 1);
	config_case_write(config_case_value_path, " s3cr3t \n", 9);
	config = config_case_load(NULL);
	assert_string_equal(config->deviantart_client_secret, " s3cr3t ");
	config_free(config);
	config_case_write(config_case_value_path, "s3cr3t\r\n", 8);
	config = config_case_load(NULL);
	assert_string_equal(config->deviantart_client_secret, "s3cr3t");
	config_free(config);

	/* By the INI file, and the environment over it. */
	unsetenv("DEVIANTART_CLIENT_SECRET_FILE");
	snprintf(ini, sizeof(ini), "[deviantart]\nclient_secret_file = %s\n",
		 config_case_value_path);
	config_case_write_ini(ini);
	config = config_case_load(config_case_ini_path);
	assert_string_equal(config->deviantart_client_secret, "s3cr3t");
	config_free(config);
	setenv("DEVIANTART_CLIENT_SECRET", "nearer", 1);
	config = config_case_load(config_case_ini_path);
	assert_string_equal(config->deviantart_client_secret, "nearer");
	config_free(config);
}

static void
files_that_do_not_work_are_named(void **state)
{
	char expected[512];

	(void)state;
	unsetenv("DEVIANTART_CLIENT_SECRET");
	setenv("DEVIANTART_CLIENT_SECRET_FILE", "/nonexistent/da", 1);
	config_case_assert_only_error(
		NULL, "DEVIANTART_CLIENT_SECRET_FILE: /nonexistent/da cannot be opened: No "
		      "such file or directory");
	setenv("DEVIANTART_CLIENT_SECRET_FILE", config_case_directory, 1);
	snprintf(expected, sizeof(expected),
		 "DEVIANTART_CLIENT_SECRET_FILE: %s cannot be read: Is a directory",
		 config_case_directory);
	config_case_assert_only_error(NULL, expected);

	setenv("DEVIANTART_CLIENT_SECRET_FILE", config_case_value_path, 1);
	config_case_write(config_case_value_path, "a\0b", 3);
	snprintf(expected, sizeof(expected), "DEVIANTART_CLIENT_SECRET_FILE: %s holds a NUL byte",
		 config_case_value_path);
	config_case_assert_only_error(NULL, expected);
	config_case_write(config_case_value_path, "\n", 1);
	snprintf(expected, sizeof(expected),
		 "DEVIANTART_CLIENT_SECRET: required, not set (the file %s, named by "
		 "DEVIANTART_CLIENT_SECRET_FILE, is empty)",
		 config_case_value_path);
	config_case_assert_only_error(NULL, expected);

	setenv("DEVIANTART_CLIENT_SECRET", "both", 1);
	config_case_assert_only_error(
		NULL, "DEVIANTART_CLIENT_SECRET and DEVIANTART_CLIENT_SECRET_FILE: only one "
		      "of them may be set");
}

static void
line_break_in_a_secret_file_is_refused_with_its_place(void **state)
{
	char expected[512];

	(void)state;
	config_case_write(config_case_value_path, "s3cr3t\nmore\n", 12);
	unsetenv("DEVIANTART_CLIENT_SECRET");
	setenv("DEVIANTART_CLIENT_SECRET_FILE", config_case_value_path, 1);
	snprintf(
		expected, sizeof(expected),
		"DEVIANTART_CLIENT_SECRET: holds a control character (a line break?) (the file %s, "
		"named by DEVIANTART_CLIENT_SECRET_FILE)",
		config_case_value_path);
	config_case_assert_only_error(NULL, expected);
}

static void
a_file_that_cannot_be_read_is_told_alone(void **state)
{
	char expected[512];

	(void)state;
	config_case_clear();
	snprintf(expected, sizeof(expected), "%s/none.ini", config_case_directory);
	setenv("HEALTH_CHECK_PORT", "70000", 1);
	config_case_assert_says(config_case_refused(expected),
				"\nHEALTH_CHECK_PORT: \"70000\" is not a whole number");
	config_case_assert_says(config_case_refused(expected),
				"/none.ini: cannot be opened: No such file or directory");
	/* What is not set may stand in it. */
	assert_null(strstr(config_case_refused(expected), "required"));
}

static void
every_wrong_setting_is_told_at_once(void **state)
{
	const char *text;

	(void)state;
	config_case_clear();
	config_case_write_ini(
		"[publisher]\nconcurrency = ten\nconcurency = 5\n[log]\nlevel = loud\n");
	setenv("HEALTH_CHECK_PORT", "70000", 1);
	setenv("S3_FORCE_PATH_STYLE", "maybe", 1);
	setenv("PUBLISHER_JOB_TIMEOUT_MS", "1500001", 1);
	text = config_case_refused(config_case_ini_path);
	config_case_assert_says(text, "\nDATABASE_URL: required, not set (postgresql://");
	config_case_assert_says(text, "\nREDIS_URL: required, not set (redis://");
	config_case_assert_says(text, "\nDEVIANTART_CLIENT_ID: required, not set\n");
	config_case_assert_says(text, "\nDEVIANTART_CLIENT_SECRET: required, not set\n");
	config_case_assert_says(text, "\nS3_ACCESS_KEY_ID: required, not set\n");
	config_case_assert_says(text, "\nS3_SECRET_ACCESS_KEY: required, not set\n");
	config_case_assert_says(text, "\nS3_BUCKET_NAME: required, not set\n");
	config_case_assert_says(
		text, "\nPUBLISHER_CONCURRENCY: \"ten\" is not a whole number from 1 to 1024 (");
	config_case_assert_says(text, "/config.ini line 2, [publisher] concurrency)");
	config_case_assert_says(
		text, "\n[publisher] concurency: no such setting; did you mean concurrency? (");
	config_case_assert_says(
		text, "\nLOG_LEVEL: \"loud\" is not a log level (debug, info, warn, error) (");
	config_case_assert_says(
		text, "\nHEALTH_CHECK_PORT: \"70000\" is not a whole number from 1 to 65535\n");
	config_case_assert_says(
		text, "\nS3_FORCE_PATH_STYLE: \"maybe\" is not a boolean (true, false, 1, 0, yes, "
		      "no, on, off)\n");
	config_case_assert_says(
		text, "\nPUBLISHER_JOB_TIMEOUT_MS: \"1500001\" is not a whole number from 1 to "
		      "1500000\n");
	config_case_assert_says(
		text, "\nS3_REGION: required by name, as eu-central-1, while S3_ENDPOINT is not "
		      "set (AWS)");
}

static void
numbers_are_strict(void **state)
{
	static const char *const wrong[] = {"0",     "1025", "-1",  "+5",
					    " 5",    "5 ",   "5s",  "0x5",
					    "5.0",   "1e1",  "5,0", "99999999999999999999",
					    "\3775", "five", "."};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv("PUBLISHER_CONCURRENCY", wrong[i], 1);
		config_case_assert_says(config_case_refused(NULL),
					"\" is not a whole number from 1 to 1024");
	}
	setenv("PUBLISHER_CONCURRENCY", "1024", 1);
	config_free(config_case_load(NULL));
}

static void
factors_are_strict(void **state)
{
	static const char *const wrong[] = {"0.9.1", ".9",  "9.", "nan", "inf",
					    "0x1p1", "1e0", "-1", "101"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv("RATE_LIMITER_FAILURE_INCREASE_FACTOR", wrong[i], 1);
		config_case_assert_says(config_case_refused(NULL),
					"\" is not a number from 1 to 100");
	}
	setenv("RATE_LIMITER_FAILURE_INCREASE_FACTOR", "1.5", 1);
	config_free(config_case_load(NULL));
}

static void
bounds_hold_at_their_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];
		char text[64];

		if (setting->type != CONFIG_INTEGER && setting->type != CONFIG_MS &&
		    setting->type != CONFIG_PERCENT)
			continue;
		setenv("RATE_LIMITER_BASE_DELAY_MS", "1", 1); /* no cross-check in the way */
		setenv("RATE_LIMITER_MAX_DELAY_MS", "86400000", 1);
		snprintf(text, sizeof(text), "%.0f", setting->max + 1);
		setenv(setting->env, text, 1);
		config_case_assert_says(config_case_refused(NULL), "is not a whole number from");
		if (setting->min > 0) {
			snprintf(text, sizeof(text), "%.0f", setting->min - 1);
			setenv(setting->env, text, 1);
			config_case_assert_says(config_case_refused(NULL),
						"is not a whole number from");
		}
		unsetenv(setting->env);
	}
}

static void
secrets_are_never_repeated(void **state)
{
	static const char *const names[] = {"DATABASE_URL", "REDIS_URL", "DEVIANTART_CLIENT_SECRET",
					    "S3_SECRET_ACCESS_KEY"};
	static char huge[9000];

	(void)state;
	memset(huge, 'h', sizeof(huge) - 1);
	memcpy(huge, "hunter2", 7);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *before = strdup(getenv(names[i]));

		assert_non_null(before);
		setenv(names[i], "hunter2\nhunter2", 1);
		assert_null(strstr(config_case_refused(NULL), "hunter2"));
		setenv(names[i], huge, 1);
		assert_null(strstr(config_case_refused(NULL), "hunter2"));
		config_case_assert_says(config_case_refused(NULL), "a text of at most");
		setenv(names[i], before, 1);
		free(before);
	}
	setenv("S3_ENDPOINT", "http://user:hunter2@minio", 1);
	config_case_assert_only_error(NULL,
				      "S3_ENDPOINT: no user or password may stand in this URL");
}

static void
texts_are_checked(void **state)
{
	static const char *const cases[][3] = {
		{"DEVIANTART_BASE_URL", "http://www.deviantart.com",
		 "DEVIANTART_BASE_URL: must be https (plain http is for a loopback host only)"},
		{"S3_ENDPOINT", "minio:9000", "S3_ENDPOINT: not a URL (no scheme:// at its start)"},
		{"S3_REGION", "eu central",
		 "S3_REGION: a region has letters, digits, - and _ only"},
		{"S3_BUCKET_NAME", "a/b",
		 "S3_BUCKET_NAME: a bucket has letters, digits, - . _ only"},
		{"QUEUE_NAME", "a:b", "QUEUE_NAME: a queue name must not hold a colon"},
		{"HEALTH_CHECK_HOST", "[::]",
		 "HEALTH_CHECK_HOST: neither an IPv4 or IPv6 address (without brackets) nor a host "
		 "name"},
		{"REDIS_URL", "http://x",
		 "REDIS_URL: must begin with redis://, rediss:// or unix://"},
		{"DATABASE_URL", "mysql://x",
		 "DATABASE_URL: must begin with postgresql:// (postgresql://user@host:port/db)"},
		{"QUEUE_PREFIX", "a\tb", "QUEUE_PREFIX: holds a control character (a line break?)"},
	};
	char *before;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		before = getenv(cases[i][0]) == NULL ? NULL : strdup(getenv(cases[i][0]));
		setenv(cases[i][0], cases[i][1], 1);
		config_case_assert_only_error(NULL, cases[i][2]);
		if (before == NULL)
			unsetenv(cases[i][0]);
		else
			setenv(cases[i][0], before, 1);
		free(before);
	}
}

static void
region_is_required_by_name_without_an_endpoint(void **state)
{
	(void)state;
	setenv("S3_ENDPOINT", "", 1);
	config_case_assert_only_error(
		NULL, "S3_REGION: required by name, as eu-central-1, while S3_ENDPOINT is not "
		      "set (AWS)");
	/* However it is spelt. */
	setenv("S3_REGION", "AUTO", 1);
	config_case_assert_only_error(
		NULL, "S3_REGION: required by name, as eu-central-1, while S3_ENDPOINT is not "
		      "set (AWS)");
	setenv("S3_REGION", "eu-central-1", 1);
	config_free(config_case_load(NULL));
}

static void
limiter_maximum_is_not_under_its_base(void **state)
{
	(void)state;
	setenv("RATE_LIMITER_MAX_DELAY_MS", "2999", 1);
	config_case_assert_only_error(
		NULL, "RATE_LIMITER_MAX_DELAY_MS: 2999 is under RATE_LIMITER_BASE_DELAY_MS, "
		      "which is 3000");
	setenv("RATE_LIMITER_MAX_DELAY_MS", "3000", 1);
	config_free(config_case_load(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_case_set_up, config_case_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults_are_those_of_the_contract),
		TEST(environment_is_read_and_derived_from),
		TEST(later_source_wins_and_empty_counts_as_unset),
		TEST(one_newline_is_stripped_from_a_file),
		TEST(files_that_do_not_work_are_named),
		TEST(line_break_in_a_secret_file_is_refused_with_its_place),
		TEST(a_file_that_cannot_be_read_is_told_alone),
		TEST(every_wrong_setting_is_told_at_once),
		TEST(numbers_are_strict),
		TEST(factors_are_strict),
		TEST(bounds_hold_at_their_ends),
		TEST(secrets_are_never_repeated),
		TEST(texts_are_checked),
		TEST(region_is_required_by_name_without_an_endpoint),
		TEST(limiter_maximum_is_not_under_its_base),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

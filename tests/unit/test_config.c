/*
 * config*.c: which value wins, what is refused and in which words, and that the example files are
 * the table.
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

static char directory[64];
static char ini_path[96];
static char value_path[96];
static bool update;

/* Only ours: cmocka reads the environment, too. */
static void
clear_settings(void)
{
	for (size_t i = 0; i < config_setting_count; i++) {
		char name[CONFIG_NAME_SIZE];

		unsetenv(config_settings[i].env);
		snprintf(name, sizeof(name), "%s_FILE", config_settings[i].env);
		unsetenv(name);
	}
}

/* Nothing set but what is required. */
static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/test_config.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(ini_path, sizeof(ini_path), "%s/config.ini", directory);
	snprintf(value_path, sizeof(value_path), "%s/value", directory);
	clear_settings();
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

static int
teardown(void **state)
{
	(void)state;
	unlink(ini_path);
	unlink(value_path);
	return rmdir(directory);
}

static void
write_bytes(const char *path, const char *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

static void
write_ini(const char *text)
{
	write_bytes(ini_path, text, strlen(text));
}

static struct config *
load(const char *path)
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

/* The errors of a configuration that must not load, one a line, each line begun by a newline. */
static const char *
refused(const char *path)
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

static void
assert_says(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in:%s", part, text);
}

static void
assert_only_error(const char *path, const char *expected)
{
	const char *text = refused(path);

	if (strcmp(text + 1, expected) != 0)
		fail_msg("not \"%s\" but:%s", expected, text);
}

static void
defaults_are_those_of_the_contract(void **state)
{
	struct config *config = load(NULL);

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
	setenv("UNHEARD_OF", "x", 1);
	config = load(NULL);
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
	config_free(config);
}

static void
later_source_wins_and_empty_counts_as_unset(void **state)
{
	struct config *config;

	(void)state;
	write_ini("\xEF\xBB\xBF# a comment\r\n"
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
	config = load(ini_path);
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
	setenv("DEVIANTART_CLIENT_SECRET_FILE", value_path, 1);
	write_bytes(value_path, " s3cr3t \n", 9);
	config = load(NULL);
	assert_string_equal(config->deviantart_client_secret, " s3cr3t ");
	config_free(config);
	write_bytes(value_path, "s3cr3t\r\n", 8);
	config = load(NULL);
	assert_string_equal(config->deviantart_client_secret, "s3cr3t");
	config_free(config);

	/* By the INI file, and the environment over it. */
	unsetenv("DEVIANTART_CLIENT_SECRET_FILE");
	snprintf(ini, sizeof(ini), "[deviantart]\nclient_secret_file = %s\n", value_path);
	write_ini(ini);
	config = load(ini_path);
	assert_string_equal(config->deviantart_client_secret, "s3cr3t");
	config_free(config);
	setenv("DEVIANTART_CLIENT_SECRET", "nearer", 1);
	config = load(ini_path);
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
	assert_only_error(NULL,
			  "DEVIANTART_CLIENT_SECRET_FILE: /nonexistent/da cannot be opened: No "
			  "such file or directory");
	setenv("DEVIANTART_CLIENT_SECRET_FILE", directory, 1);
	snprintf(expected, sizeof(expected),
		 "DEVIANTART_CLIENT_SECRET_FILE: %s cannot be read: Is a directory", directory);
	assert_only_error(NULL, expected);

	setenv("DEVIANTART_CLIENT_SECRET_FILE", value_path, 1);
	write_bytes(value_path, "a\0b", 3);
	snprintf(expected, sizeof(expected), "DEVIANTART_CLIENT_SECRET_FILE: %s holds a NUL byte",
		 value_path);
	assert_only_error(NULL, expected);
	write_bytes(value_path, "\n", 1);
	snprintf(expected, sizeof(expected),
		 "DEVIANTART_CLIENT_SECRET: required, not set (the file %s, named by "
		 "DEVIANTART_CLIENT_SECRET_FILE, is empty)",
		 value_path);
	assert_only_error(NULL, expected);

	setenv("DEVIANTART_CLIENT_SECRET", "both", 1);
	assert_only_error(NULL,
			  "DEVIANTART_CLIENT_SECRET and DEVIANTART_CLIENT_SECRET_FILE: only one "
			  "of them may be set");
}

static void
line_break_in_a_secret_file_is_refused_with_its_place(void **state)
{
	char expected[512];

	(void)state;
	write_bytes(value_path, "s3cr3t\nmore\n", 12);
	unsetenv("DEVIANTART_CLIENT_SECRET");
	setenv("DEVIANTART_CLIENT_SECRET_FILE", value_path, 1);
	snprintf(
		expected, sizeof(expected),
		"DEVIANTART_CLIENT_SECRET: holds a control character (a line break?) (the file %s, "
		"named by DEVIANTART_CLIENT_SECRET_FILE)",
		value_path);
	assert_only_error(NULL, expected);
}

static void
a_file_that_cannot_be_read_is_told_alone(void **state)
{
	char expected[512];

	(void)state;
	clear_settings();
	snprintf(expected, sizeof(expected), "%s/none.ini", directory);
	setenv("HEALTH_CHECK_PORT", "70000", 1);
	assert_says(refused(expected), "\nHEALTH_CHECK_PORT: \"70000\" is not a whole number");
	assert_says(refused(expected), "/none.ini: cannot be opened: No such file or directory");
	/* What is not set may stand in it. */
	assert_null(strstr(refused(expected), "required"));
}

static void
every_wrong_setting_is_told_at_once(void **state)
{
	const char *text;

	(void)state;
	clear_settings();
	write_ini("[publisher]\nconcurrency = ten\nconcurency = 5\n[log]\nlevel = loud\n");
	setenv("HEALTH_CHECK_PORT", "70000", 1);
	setenv("S3_FORCE_PATH_STYLE", "maybe", 1);
	setenv("PUBLISHER_JOB_TIMEOUT_MS", "1500001", 1);
	text = refused(ini_path);
	assert_says(text, "\nDATABASE_URL: required, not set (postgresql://");
	assert_says(text, "\nREDIS_URL: required, not set (redis://");
	assert_says(text, "\nDEVIANTART_CLIENT_ID: required, not set\n");
	assert_says(text, "\nDEVIANTART_CLIENT_SECRET: required, not set\n");
	assert_says(text, "\nS3_ACCESS_KEY_ID: required, not set\n");
	assert_says(text, "\nS3_SECRET_ACCESS_KEY: required, not set\n");
	assert_says(text, "\nS3_BUCKET_NAME: required, not set\n");
	assert_says(text,
		    "\nPUBLISHER_CONCURRENCY: \"ten\" is not a whole number from 1 to 1024 (");
	assert_says(text, "/config.ini line 2, [publisher] concurrency)");
	assert_says(text, "\n[publisher] concurency: no such setting; did you mean concurrency? (");
	assert_says(text, "\nLOG_LEVEL: \"loud\" is not a log level (debug, info, warn, error) (");
	assert_says(text, "\nHEALTH_CHECK_PORT: \"70000\" is not a whole number from 1 to 65535\n");
	assert_says(text,
		    "\nS3_FORCE_PATH_STYLE: \"maybe\" is not a boolean (true, false, 1, 0, yes, "
		    "no, on, off)\n");
	assert_says(text, "\nPUBLISHER_JOB_TIMEOUT_MS: \"1500001\" is not a whole number from 1 to "
			  "1500000\n");
	assert_says(text,
		    "\nS3_REGION: required by name, as eu-central-1, while S3_ENDPOINT is not "
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
		assert_says(refused(NULL), "\" is not a whole number from 1 to 1024");
	}
	setenv("PUBLISHER_CONCURRENCY", "1024", 1);
	config_free(load(NULL));
}

static void
factors_are_strict(void **state)
{
	static const char *const wrong[] = {"0.9.1", ".9",  "9.", "nan", "inf",
					    "0x1p1", "1e0", "-1", "101"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		setenv("RATE_LIMITER_FAILURE_INCREASE_FACTOR", wrong[i], 1);
		assert_says(refused(NULL), "\" is not a number from 1 to 100");
	}
	setenv("RATE_LIMITER_FAILURE_INCREASE_FACTOR", "1.5", 1);
	config_free(load(NULL));
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
		assert_says(refused(NULL), "is not a whole number from");
		if (setting->min > 0) {
			snprintf(text, sizeof(text), "%.0f", setting->min - 1);
			setenv(setting->env, text, 1);
			assert_says(refused(NULL), "is not a whole number from");
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
		assert_null(strstr(refused(NULL), "hunter2"));
		setenv(names[i], huge, 1);
		assert_null(strstr(refused(NULL), "hunter2"));
		assert_says(refused(NULL), "a text of at most");
		setenv(names[i], before, 1);
		free(before);
	}
	setenv("S3_ENDPOINT", "http://user:hunter2@minio", 1);
	assert_only_error(NULL, "S3_ENDPOINT: no user or password may stand in this URL");
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
		assert_only_error(NULL, cases[i][2]);
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
	assert_only_error(NULL,
			  "S3_REGION: required by name, as eu-central-1, while S3_ENDPOINT is not "
			  "set (AWS)");
	/* However it is spelt. */
	setenv("S3_REGION", "AUTO", 1);
	assert_only_error(NULL,
			  "S3_REGION: required by name, as eu-central-1, while S3_ENDPOINT is not "
			  "set (AWS)");
	setenv("S3_REGION", "eu-central-1", 1);
	config_free(load(NULL));
}

static void
limiter_maximum_is_not_under_its_base(void **state)
{
	(void)state;
	setenv("RATE_LIMITER_MAX_DELAY_MS", "2999", 1);
	assert_only_error(NULL,
			  "RATE_LIMITER_MAX_DELAY_MS: 2999 is under RATE_LIMITER_BASE_DELAY_MS, "
			  "which is 3000");
	setenv("RATE_LIMITER_MAX_DELAY_MS", "3000", 1);
	config_free(load(NULL));
}

static void
unknown_names_get_the_nearest(void **state)
{
	const char *text;

	(void)state;
	write_ini("concurrency = 5\n"
		  "[publishr]\n"
		  "concurrency = 5\n"
		  "[publisher]\n"
		  "drain_timeout = 5\n"
		  "PUBLISHER_LIMITER_MAX = 5\n"
		  "bucket = x\n"
		  "[storage]\n"
		  "secret_acess_key_file = /x\n"
		  "[storage]\nq = 1\n[publisher]\nx = 1\n"
		  "[ratelimiter]\n"
		  "[of the house]\n"
		  "[redis]\n");
	text = refused(ini_path);
	assert_says(text,
		    "\n[] concurrency: no such setting; did you mean [publisher] concurrency? (");
	assert_says(text, "\n[publishr] concurrency: no such setting; did you mean [publisher] "
			  "concurrency? (");
	assert_says(text, "\n[publisher] drain_timeout: no such setting; did you mean "
			  "drain_timeout_ms? (");
	assert_says(text, "\n[publisher] PUBLISHER_LIMITER_MAX: no such setting; did you mean "
			  "limiter_max? (");
	assert_says(text,
		    "\n[publisher] bucket: no such setting; did you mean [storage] bucket? (");
	assert_says(text, "\n[storage] secret_acess_key_file: no such setting; did you mean "
			  "secret_access_key_file? (");
	/* Nothing is spelt like it: no guess is better than a wild one. */
	assert_says(text, "\n[storage] q: no such setting (");
	assert_says(text, "\n[publisher] x: no such setting (");
	assert_says(text, "\n[of the house]: no such section (");
	assert_says(text, "\n[ratelimiter]: no such section; did you mean [rate_limiter]? (");
	assert_null(strstr(text, "[redis]"));
}

static void
duplicates_are_refused(void **state)
{
	char expected[256];

	(void)state;
	write_ini("[log]\nlevel = info\n[publisher]\n[log]\nlevel = info\n");
	snprintf(expected, sizeof(expected),
		 "[log] level: given twice (%s line 5, before on line 2)", ini_path);
	assert_only_error(ini_path, expected);
	write_ini("[log]\nlevel = info\nlevel_file = /x\n");
	snprintf(expected, sizeof(expected),
		 "[log] level and level_file: only one of them (%s lines 2 and 3)", ini_path);
	assert_only_error(ini_path, expected);
}

static void
malformed_lines_are_all_told(void **state)
{
	const char *text;

	(void)state;
	write_ini("[log\nlevel\n= x\n[health]\nport\n");
	text = refused(ini_path);
	assert_says(text, "/config.ini line 1: a [ without its ]");
	assert_says(text, "/config.ini line 2: neither a comment, nor [section], nor key = value");
	assert_says(text, "/config.ini line 3: neither a comment, nor [section], nor key = value");
	assert_says(text, "/config.ini line 5: neither a comment, nor [section], nor key = value");
	write_bytes(ini_path, "[log]\nlevel = in\0fo\n", 20);
	assert_says(refused(ini_path), "/config.ini line 2: holds a NUL byte");
	write_ini("[log]\nlevel ; = info\n");
	assert_says(refused(ini_path), "/config.ini line 2: neither a comment");
}

/* At every length around the parser's limit: the whole value, or an error with the name; never a
 * piece. */
static void
long_line_is_refused_by_name_or_taken_whole(void **state)
{
	size_t taken = 0, long_ones = 0;

	(void)state;
	unsetenv("DATABASE_URL");
	for (size_t size = 30; size < 600; size++) {
		struct config_errors errors = CONFIG_ERRORS_NONE;
		struct config *config;
		char url[700], ini[800];

		snprintf(url, sizeof(url), "postgresql://u@h/");
		memset(url + strlen(url), 'd', size);
		url[size] = '\0';
		snprintf(ini, sizeof(ini), "[log]\nlevel = info\n[database]\nurl = %s\n", url);
		write_ini(ini);
		config = config_load(ini_path, &errors);
		if (config != NULL) {
			assert_string_equal(config->database_url, url);
			taken++;
		} else {
			assert_int_equal(errors.count, 1);
			assert_says(errors.texts[0],
				    "[database] url: the line is longer than the ");
			assert_says(errors.texts[0], "config.ini line 4)");
			long_ones++;
		}
		config_free(config);
		config_errors_free(&errors);
	}
	assert_true(taken > 100);
	assert_true(long_ones > 0 || taken == 570);
}

static void
missing_file_is_told(void **state)
{
	(void)state;
	assert_only_error("/nonexistent/c.ini",
			  "/nonexistent/c.ini: cannot be opened: No such file or directory");
}

/* Nobody writes into it and nobody closes it: the supervisor must not wait for ever. */
static void
silent_pipe_is_given_up(void **state)
{
	int ends[2];
	char path[64];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	assert_says(refused(path), "did not come to an end within 2000 ms");
	close(ends[0]);
	close(ends[1]);
}

static void
table_is_consistent(void **state)
{
	(void)state;
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *setting = &config_settings[i];

		assert_true(strlen(setting->env) + sizeof("_FILE") <= CONFIG_NAME_SIZE);
		assert_true(strlen(setting->key) + sizeof("_file") <= 50); /* inih's longest name */
		assert_true(strlen(setting->section) < 50);
		assert_ptr_equal(config_setting_find(setting->section, setting->key), setting);
		assert_ptr_equal(config_setting_nearest(setting->section, setting->key), setting);
		assert_non_null(setting->doc);
		if (setting->default_text == NULL)
			assert_non_null(setting->example);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(setting->env, config_settings[j].env);
	}
}

/* The test is run from the root of the source. UPDATE=1 writes the files instead. */
static void
example_file_equals_the_table(const char *path, enum config_example kind)
{
	char *expected = NULL, *found;
	size_t size = 0;
	FILE *file = open_memstream(&expected, &size);

	assert_non_null(file);
	assert_true(config_print_example(file, kind));
	fclose(file);
	if (update)
		write_bytes(path, expected, size);
	file = fopen(path, "r");
	assert_non_null(file);
	found = calloc(1, size + 2);
	assert_non_null(found);
	assert_int_equal(fread(found, 1, size + 1, file), size);
	assert_string_equal(found, expected);
	fclose(file);
	free(found);
	free(expected);
}

static void
config_example_ini_equals_the_table(void **state)
{
	(void)state;
	example_file_equals_the_table("config.example.ini", CONFIG_EXAMPLE_INI);
}

static void
env_example_equals_the_table(void **state)
{
	(void)state;
	example_file_equals_the_table(".env.example", CONFIG_EXAMPLE_ENV);
}

static void
example_is_a_working_configuration(void **state)
{
	struct config *config;

	(void)state;
	clear_settings();
	config = load("config.example.ini");
	assert_string_equal(config->database.schema, "public");
	config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
		TEST(unknown_names_get_the_nearest),
		TEST(duplicates_are_refused),
		TEST(malformed_lines_are_all_told),
		TEST(long_line_is_refused_by_name_or_taken_whole),
		TEST(missing_file_is_told),
		TEST(silent_pipe_is_given_up),
		TEST(table_is_consistent),
		cmocka_unit_test(config_example_ini_equals_the_table),
		cmocka_unit_test(env_example_equals_the_table),
		cmocka_unit_test(example_is_a_working_configuration),
	};

	update = getenv("UPDATE") != NULL;
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

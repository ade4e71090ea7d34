/*
 * config_ini.c: an INI file that is not as it should be is refused with the place and what is
 * meant.
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
#include "tests/unit/config_case.h"

static void
unknown_names_get_the_nearest(void **state)
{
	const char *text;

	(void)state;
	config_case_write_ini("concurrency = 5\n"
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
	text = config_case_refused(config_case_ini_path);
	config_case_assert_says(
		text, "\n[] concurrency: no such setting; did you mean [publisher] concurrency? (");
	config_case_assert_says(
		text, "\n[publishr] concurrency: no such setting; did you mean [publisher] "
		      "concurrency? (");
	config_case_assert_says(text, "\n[publisher] drain_timeout: no such setting; did you mean "
				      "drain_timeout_ms? (");
	config_case_assert_says(
		text, "\n[publisher] PUBLISHER_LIMITER_MAX: no such setting; did you mean "
		      "limiter_max? (");
	config_case_assert_says(
		text, "\n[publisher] bucket: no such setting; did you mean [storage] bucket? (");
	config_case_assert_says(text,
				"\n[storage] secret_acess_key_file: no such setting; did you mean "
				"secret_access_key_file? (");
	/* Nothing is spelt like it: no guess is better than a wild one. */
	config_case_assert_says(text, "\n[storage] q: no such setting (");
	config_case_assert_says(text, "\n[publisher] x: no such setting (");
	config_case_assert_says(text, "\n[of the house]: no such section (");
	config_case_assert_says(text,
				"\n[ratelimiter]: no such section; did you mean [rate_limiter]? (");
	assert_null(strstr(text, "[redis]"));
}

static void
duplicates_are_refused(void **state)
{
	char expected[256];

	(void)state;
	config_case_write_ini("[log]\nlevel = info\n[publisher]\n[log]\nlevel = info\n");
	snprintf(expected, sizeof(expected),
		 "[log] level: given twice (%s line 5, before on line 2)", config_case_ini_path);
	config_case_assert_only_error(config_case_ini_path, expected);
	config_case_write_ini("[log]\nlevel = info\nlevel_file = /x\n");
	snprintf(expected, sizeof(expected),
		 "[log] level and level_file: only one of them (%s lines 2 and 3)",
		 config_case_ini_path);
	config_case_assert_only_error(config_case_ini_path, expected);
}

static void
malformed_lines_are_all_told(void **state)
{
	const char *text;

	(void)state;
	config_case_write_ini("[log\nlevel\n= x\n[health]\nport\n");
	text = config_case_refused(config_case_ini_path);
	config_case_assert_says(text, "/config.ini line 1: a [ without its ]");
	config_case_assert_says(
		text, "/config.ini line 2: neither a comment, nor [section], nor key = value");
	config_case_assert_says(
		text, "/config.ini line 3: neither a comment, nor [section], nor key = value");
	config_case_assert_says(
		text, "/config.ini line 5: neither a comment, nor [section], nor key = value");
	config_case_write(config_case_ini_path, "[log]\nlevel = in\0fo\n", 20);
	config_case_assert_says(config_case_refused(config_case_ini_path),
				"/config.ini line 2: holds a NUL byte");
	config_case_write_ini("[log]\nlevel ; = info\n");
	config_case_assert_says(config_case_refused(config_case_ini_path),
				"/config.ini line 2: neither a comment");
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
		config_case_write_ini(ini);
		config = config_load(config_case_ini_path, &errors);
		if (config != NULL) {
			assert_string_equal(config->database_url, url);
			taken++;
		} else {
			assert_int_equal(errors.count, 1);
			config_case_assert_says(errors.texts[0],
						"[database] url: the line is longer than the ");
			config_case_assert_says(errors.texts[0], "config.ini line 4)");
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
	config_case_assert_only_error(
		"/nonexistent/c.ini",
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
	config_case_assert_says(config_case_refused(path), "did not come to an end within 2000 ms");
	close(ends[0]);
	close(ends[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, config_case_set_up, config_case_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unknown_names_get_the_nearest),
		TEST(duplicates_are_refused),
		TEST(malformed_lines_are_all_told),
		TEST(long_line_is_refused_by_name_or_taken_whole),
		TEST(missing_file_is_told),
		TEST(silent_pipe_is_given_up),
	};

	return cmocka_run_group_tests_name("config_ini", tests, NULL, NULL);
}

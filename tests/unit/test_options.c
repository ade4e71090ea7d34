/*
 * test_options.c - the command line, word by word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/options.h"

#define MAX_WORDS 8

/* A command line as main() gets it, from words that end with NULL. */
struct line {
	char *words[MAX_WORDS + 1];
	int count;
};

static struct line
line_of(const char *const words[])
{
	struct line line = {.words = {strdup("isekai-publisher")}, .count = 1};

	for (; words[line.count - 1] != NULL; line.count++)
		line.words[line.count] = strdup(words[line.count - 1]);
	return line;
}

static void
free_line(struct line *line)
{
	for (int i = 0; i < line->count; i++)
		free(line->words[i]);
}

#define LINE(...) line_of((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void
assert_refused(struct line line, const char *part_of_message)
{
	struct options options = {.id_count = 77};
	struct failure why;

	assert_false(options_parse(line.count, line.words, &options, &why));
	assert_non_null(strstr(why.message, part_of_message));
	assert_int_equal(options.id_count, 77); /* untouched */
	free_line(&line);
}

static void
assert_command(struct line line, enum command command, const char *config_path)
{
	struct options options;
	struct failure why;

	assert_true(options_parse(line.count, line.words, &options, &why));
	assert_int_equal(options.command, command);
	if (config_path == NULL)
		assert_null(options.config_path);
	else
		assert_string_equal(options.config_path, config_path);
	options_free(&options);
	free_line(&line);
}

static void
every_command_is_understood(void **state)
{
	(void)state;
	assert_command(LINE(), COMMAND_RUN, NULL);
	assert_command(LINE("-c", "a.ini"), COMMAND_RUN, "a.ini");
	assert_command(LINE("-ca.ini"), COMMAND_RUN, "a.ini");
	assert_command(LINE("--config=a.ini"), COMMAND_RUN, "a.ini");
	assert_command(LINE("-t"), COMMAND_TEST, NULL);
	assert_command(LINE("-t", "-c", "a.ini"), COMMAND_TEST, "a.ini");
	assert_command(LINE("-c", "a.ini", "-t"), COMMAND_TEST, "a.ini");
	assert_command(LINE("-tc", "a.ini"), COMMAND_TEST, "a.ini");
	assert_command(LINE("-V"), COMMAND_VERSION, NULL);
	assert_command(LINE("-h"), COMMAND_HELP, NULL);
	assert_command(LINE("--help"), COMMAND_HELP, NULL);
}

static void
enqueue_takes_ids_before_and_after_the_file(void **state)
{
	struct line line = LINE("enqueue", "one", "-c", "a.ini", "--", "-two");
	struct options options;
	struct failure why;

	(void)state;
	assert_true(options_parse(line.count, line.words, &options, &why));
	assert_int_equal(options.command, COMMAND_ENQUEUE);
	assert_string_equal(options.config_path, "a.ini");
	assert_int_equal(options.id_count, 2);
	assert_string_equal(options.ids[0], "one");
	assert_string_equal(options.ids[1], "-two");
	options_free(&options);
	free_line(&line);
}

static void
the_word_enqueue_may_be_an_id(void **state)
{
	struct line line = LINE("-c", "a.ini", "enqueue", "enqueue");
	struct options options;
	struct failure why;

	(void)state;
	assert_true(options_parse(line.count, line.words, &options, &why));
	assert_int_equal(options.id_count, 1);
	assert_string_equal(options.ids[0], "enqueue");
	options_free(&options);
	free_line(&line);
}

static void
status_may_watch(void **state)
{
	struct line line = LINE("status", "--watch", "--json");
	struct options options;
	struct failure why;

	(void)state;
	assert_command(LINE("status"), COMMAND_STATUS, NULL);
	assert_command(LINE("-c", "a.ini", "status"), COMMAND_STATUS, "a.ini");
	assert_true(options_parse(line.count, line.words, &options, &why));
	assert_true(options.watch && options.json);
	options_free(&options);
	free_line(&line);
	assert_refused(LINE("--watch"), "--watch");
	assert_refused(LINE("verify", "--watch"), "--watch");
	assert_refused(LINE("status", "x"), "\"x\"");
	assert_refused(LINE("status", "-t"), "-t");
}

static void
verify_takes_a_ledger_of_this_machine(void **state)
{
	struct line line =
		LINE("verify", "--json", "-c", "a.ini", "--ledger=http://127.0.0.1:8080");
	struct options options;
	struct failure why;

	(void)state;
	assert_command(LINE("verify"), COMMAND_VERIFY, NULL);
	assert_true(options_parse(line.count, line.words, &options, &why));
	assert_int_equal(options.command, COMMAND_VERIFY);
	assert_string_equal(options.config_path, "a.ini");
	assert_string_equal(options.ledger_url, "http://127.0.0.1:8080");
	assert_true(options.json);
	options_free(&options);
	free_line(&line);
	assert_refused(LINE("verify", "--ledger", "http://192.0.2.1:80"), "this machine");
	assert_refused(LINE("verify", "--ledger", "https://localhost"), "this machine");
	assert_refused(LINE("verify", "--ledger", "http://u:p@localhost"), "this machine");
	assert_refused(LINE("verify", "--ledger", "localhost"), "this machine");
	assert_refused(LINE("verify", "--ledger", "http://[::1]:1", "--ledger", "http://[::1]:1"),
		       "twice");
	assert_refused(LINE("verify", "1"), "\"1\"");
	assert_refused(LINE("verify", "-t"), "-t");
	assert_refused(LINE("--json"), "--json");
	assert_refused(LINE("enqueue", "1", "--ledger", "http://localhost"), "--ledger");
}

static void
explain_takes_one_id(void **state)
{
	struct line line = LINE("explain", "--json", "-c", "a.ini", "--", "-one");
	struct options options;
	struct failure why;

	(void)state;
	assert_true(options_parse(line.count, line.words, &options, &why));
	assert_int_equal(options.command, COMMAND_EXPLAIN);
	assert_string_equal(options.config_path, "a.ini");
	assert_int_equal(options.id_count, 1);
	assert_string_equal(options.ids[0], "-one");
	assert_true(options.json);
	options_free(&options);
	free_line(&line);
	assert_command(LINE("explain", "explain"), COMMAND_EXPLAIN, NULL);
	assert_refused(LINE("explain"), "explain needs");
	assert_refused(LINE("explain", ""), "empty");
	assert_refused(LINE("explain", "1", "2"), "\"2\"");
	assert_refused(LINE("explain", "1", "-t"), "-t");
	assert_refused(LINE("explain", "1", "--ledger", "http://localhost"), "--ledger");
	assert_refused(LINE("enqueue", "1", "--json"), "--json");
}

static struct options
parsed(struct line line)
{
	struct options options;
	struct failure why;

	assert_true(options_parse(line.count, line.words, &options, &why));
	options_free(&options); /* the numbers stay */
	free_line(&line);
	return options;
}

static void
retry_takes_ids_or_all_that_failed(void **state)
{
	struct line line = LINE("retry", "one", "--", "--failed");
	struct options options;
	struct failure why;

	(void)state;
	assert_true(options_parse(line.count, line.words, &options, &why));
	assert_int_equal(options.command, COMMAND_RETRY);
	assert_int_equal(options.id_count, 2);
	assert_string_equal(options.ids[1], "--failed");
	assert_false(options.failed);
	options_free(&options);
	free_line(&line);
	options = parsed(LINE("retry", "--failed", "--json"));
	assert_true(options.failed && options.json);
	assert_refused(LINE("retry"), "--failed");
	assert_refused(LINE("retry", "--failed", "one"), "--failed");
	assert_refused(LINE("retry", "one", "--reset"), "--reset");
	assert_refused(LINE("retry", ""), "empty");
	assert_refused(LINE("--failed"), "--failed goes with retry only");
	assert_refused(LINE("enqueue", "one", "--failed"), "--failed goes with retry only");
}

static void
pause_and_resume_take_nothing(void **state)
{
	(void)state;
	assert_command(LINE("pause"), COMMAND_PAUSE, NULL);
	assert_command(LINE("resume", "-c", "a.ini"), COMMAND_RESUME, "a.ini");
	assert_true(parsed(LINE("pause", "--json")).json);
	assert_refused(LINE("pause", "x"), "the whole queue; it takes no \"x\"");
	assert_refused(LINE("resume", "pause"), "\"pause\"");
	assert_refused(LINE("pause", "-t"), "-t");
}

static void
breaker_and_limit_take_users_and_reset_names_them(void **state)
{
	(void)state;
	assert_command(LINE("breaker"), COMMAND_BREAKER, NULL);
	assert_command(LINE("limit"), COMMAND_LIMIT, NULL);
	assert_true(parsed(LINE("breaker", "a", "b", "--json")).json);
	assert_true(parsed(LINE("limit", "--reset", "application")).reset);
	assert_refused(LINE("breaker", "--reset"), "--reset needs to be told whose");
	assert_refused(LINE("limit", "a", "--failed"), "--failed");
	assert_refused(LINE("explain", "a", "--reset"), "--reset goes with");
}

static void
what_is_not_understood_is_refused_by_name(void **state)
{
	(void)state;
	assert_refused(LINE("bogus"), "\"bogus\"");
	assert_refused(LINE(""), "\"\"");
	assert_refused(LINE("-x"), "\"-x\"");
	assert_refused(LINE("--bogus"), "\"--bogus\"");
	assert_refused(LINE("-c"), "-c needs a value");
	assert_refused(LINE("-c", ""), "-c");
	assert_refused(LINE("-c", "a", "-c", "b"), "twice");
	assert_refused(LINE("enqueue"), "at least one");
	assert_refused(LINE("enqueue", ""), "empty");
	assert_refused(LINE("enqueue", "1", "-t"), "-t");
	assert_refused(LINE("-t", "enqueue", "1"), "not a command");
	assert_refused(LINE("-V", "-h"), "another command");
}

static void
assert_help_about(struct line line, enum command about)
{
	struct options options;
	struct failure why;

	assert_true(options_parse(line.count, line.words, &options, &why));
	assert_int_equal(options.command, COMMAND_HELP);
	assert_int_equal(options.about, about);
	options_free(&options);
	free_line(&line);
}

static void
help_goes_with_every_command(void **state)
{
	(void)state;
	assert_help_about(LINE("-h"), COMMAND_RUN);
	assert_help_about(LINE("-c", "a.ini", "--help"), COMMAND_RUN);
	assert_help_about(LINE("explain", "--help"), COMMAND_EXPLAIN);
	assert_help_about(LINE("explain", "1", "-h"), COMMAND_EXPLAIN);
	assert_help_about(LINE("--help", "verify", "--json"), COMMAND_VERIFY);
	assert_help_about(LINE("enqueue", "-h", "-c", "a.ini"), COMMAND_ENQUEUE);
	assert_refused(LINE("-t", "-h"), "another command");
	assert_refused(LINE("-h", "bogus"), "\"bogus\"");
	assert_refused(LINE("explain", "--help", "--watch"), "--watch");
}

static void
the_nearest_command_is_told(void **state)
{
	(void)state;
	assert_refused(LINE("expalin", "1"), "did you mean explain?");
	assert_refused(LINE("stats"), "did you mean status?");
	assert_refused(LINE("Verify"), "did you mean verify?");
	assert_refused(LINE("326c3745-39aa-4539-bb3a-89f0a2a7fc00"), "fc00\" is not a command");
}

static void
an_option_is_refused_with_those_it_goes_with(void **state)
{
	(void)state;
	assert_refused(LINE("--watch"), "--watch goes with status only");
	assert_refused(LINE("enqueue", "1", "--json"), "--json goes with ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_is_understood),
		cmocka_unit_test(enqueue_takes_ids_before_and_after_the_file),
		cmocka_unit_test(the_word_enqueue_may_be_an_id),
		cmocka_unit_test(status_may_watch),
		cmocka_unit_test(verify_takes_a_ledger_of_this_machine),
		cmocka_unit_test(explain_takes_one_id),
		cmocka_unit_test(retry_takes_ids_or_all_that_failed),
		cmocka_unit_test(pause_and_resume_take_nothing),
		cmocka_unit_test(breaker_and_limit_take_users_and_reset_names_them),
		cmocka_unit_test(what_is_not_understood_is_refused_by_name),
		cmocka_unit_test(help_goes_with_every_command),
		cmocka_unit_test(the_nearest_command_is_told),
		cmocka_unit_test(an_option_is_refused_with_those_it_goes_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

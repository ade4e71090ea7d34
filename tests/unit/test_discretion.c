/*
 * discretion.c: a reason that quotes the artist is told without the quote, unless it is asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "worker/discretion.h"

static char title[] = "Evening", username[] = "someone", name[] = "Evening.png";
static struct deviation_file file = {.name = name};
static struct deviation deviation = {
	.title = title, .username = username, .files = &file, .file_count = 1};
static char out[FAILURE_MESSAGE_SIZE];

static const char *
told(const char *message)
{
	const struct config config = {.health_check_details = false};

	discretion_reason(&config, &deviation, message, out);
	return out;
}

static void
titles_files_and_names_are_left_out(void **state)
{
	(void)state;
	assert_string_equal(told("upload of Evening.png: stash/submit: no"),
			    "upload of (file): stash/submit: no");
	assert_string_equal(told("\"Evening\" by someone, Evening, Evening.png"),
			    "\"(title)\" by (artist), (title), (file)");
	assert_string_equal(told("nothing of it"), "nothing of it");
	assert_string_equal(told(""), "");
}

static void
all_is_told_where_it_is_asked_for(void **state)
{
	const struct config config = {.health_check_details = true};

	(void)state;
	discretion_reason(&config, &deviation, "upload of Evening.png", out);
	assert_string_equal(out, "upload of Evening.png");
}

static void
without_a_deviation_there_is_nothing_to_leave_out(void **state)
{
	const struct config config = {.health_check_details = false};
	struct deviation bare = {.title = NULL};

	(void)state;
	discretion_reason(&config, NULL, "the job's data is no JSON", out);
	assert_string_equal(out, "the job's data is no JSON");
	discretion_reason(&config, &bare, "no user", out);
	assert_string_equal(out, "no user");
}

static void
quote_of_a_title_that_was_cut_is_left_out(void **state)
{
	char longest[] = "The very long evening on which the lights went out over the whole city";
	char message[FAILURE_MESSAGE_SIZE];
	struct deviation other = {.title = longest};
	const struct config config = {.health_check_details = false};

	(void)state;
	snprintf(message, sizeof(message), "'%.50s' is taken", longest);
	discretion_reason(&config, &other, message, out);
	assert_string_equal(out, "'(title)' is taken");

	/* A message that is full may end within the quote, wherever. */
	for (size_t i = 1; i < sizeof(longest); i++) {
		memset(message, '-', sizeof(message));
		memcpy(message + sizeof(message) - 1 - i, longest, i);
		message[sizeof(message) - 1] = '\0';
		discretion_reason(&config, &other, message, out);
		if (i >= 3)
			assert_null(strstr(out, "The"));
		assert_int_equal(strspn(out, "-") + i, sizeof(message) - 1);
	}
}

static void
texts_that_are_everywhere_stay_and_nothing_overflows(void **state)
{
	char letter[] = "a", triple[] = "aaa", message[FAILURE_MESSAGE_SIZE];
	struct deviation other = {.title = letter};
	const struct config config = {.health_check_details = false};

	(void)state;
	discretion_reason(&config, &other, "a bad answer", out);
	assert_string_equal(out, "a bad answer");
	other.title = triple;
	memset(message, 'a', sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	discretion_reason(&config, &other, message, out);
	assert_in_range(strlen(out), 1, FAILURE_MESSAGE_SIZE - 1);
	assert_null(strstr(out, "aaa"));
	assert_memory_equal(out, "(title)(title)", 14);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(titles_files_and_names_are_left_out),
		cmocka_unit_test(all_is_told_where_it_is_asked_for),
		cmocka_unit_test(without_a_deviation_there_is_nothing_to_leave_out),
		cmocka_unit_test(quote_of_a_title_that_was_cut_is_left_out),
		cmocka_unit_test(texts_that_are_everywhere_stay_and_nothing_overflows),
	};

	return cmocka_run_group_tests_name("discretion", tests, NULL, NULL);
}

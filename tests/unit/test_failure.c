/*
 * failure.c: what goes in comes out complete, valid and terminated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "common/failure.h"
#include "common/text.h"

static void
set_fills_every_member_with_its_none(void **state)
{
	struct failure why;

	(void)state;
	memset(&why, 0x5a, sizeof(why));
	assert_false(failure_set(&why, FAILURE_SERVER_ERROR, "answered %d", 500));
	assert_int_equal(why.category, FAILURE_SERVER_ERROR);
	assert_int_equal(why.gate, FAILURE_GATE_NONE);
	assert_false(why.outage);
	assert_int_equal(why.http_status, 0);
	assert_int_equal(why.error_code, -1);
	assert_int_equal(why.wait_ms, -1);
	assert_string_equal(why.message, "answered 500");
}

static void
nobody_who_wants_to_know_is_fine(void **state)
{
	(void)state;
	assert_false(failure_set(NULL, FAILURE_AWAY, "x"));
	assert_false(failure_prefix(NULL, "x"));
}

static void
prefix_keeps_category_and_puts_context_in_front(void **state)
{
	struct failure why;

	(void)state;
	failure_set(&why, FAILURE_RATE_LIMIT, "too many");
	why.http_status = 429;
	why.wait_ms = 5000;
	assert_false(failure_prefix(&why, "%s: ", "stash/submit"));
	assert_string_equal(why.message, "stash/submit: too many");
	assert_int_equal(why.category, FAILURE_RATE_LIMIT);
	assert_int_equal(why.http_status, 429);
	assert_int_equal(why.wait_ms, 5000);
}

static void
message_may_be_made_from_itself(void **state)
{
	struct failure why;

	(void)state;
	failure_set(&why, FAILURE_UNKNOWN, "inner");
	failure_set(&why, FAILURE_VALIDATION_ERROR, "outer: %s", why.message);
	assert_string_equal(why.message, "outer: inner");
}

static void
long_message_is_cut_between_characters(void **state)
{
	char text[2 * FAILURE_MESSAGE_SIZE + 1];
	struct failure why;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\xC3\xA9", 2);
	text[sizeof(text) - 1] = '\0';
	failure_set(&why, FAILURE_UNKNOWN, "x%s", text);
	assert_true(text_utf8_valid(why.message));
	assert_in_range(strlen(why.message), FAILURE_MESSAGE_SIZE - 4, FAILURE_MESSAGE_SIZE - 1);
	failure_prefix(&why, "%s", text);
	assert_true(text_utf8_valid(why.message));
	assert_in_range(strlen(why.message), FAILURE_MESSAGE_SIZE - 4, FAILURE_MESSAGE_SIZE - 1);
}

static void
broken_bytes_are_repaired(void **state)
{
	struct failure why;

	(void)state;
	failure_set(&why, FAILURE_UNKNOWN, "said \xFF\xC3");
	assert_string_equal(why.message, "said \xEF\xBF\xBD\xEF\xBF\xBD");
}

static void
errno_is_left_alone(void **state)
{
	struct failure why;

	(void)state;
	errno = EPROTO;
	failure_set(&why, FAILURE_UNKNOWN, "%m");
	failure_prefix(&why, "x");
	assert_int_equal(errno, EPROTO);
}

static void
every_category_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = 0; a < FAILURE_CATEGORY_COUNT; a++) {
		assert_non_null(failure_category_name((enum failure_category)a));
		for (int b = 0; b < a; b++)
			assert_string_not_equal(failure_category_name((enum failure_category)a),
						failure_category_name((enum failure_category)b));
	}
	assert_string_equal(failure_category_name(FAILURE_REFRESH_TOKEN_EXPIRED),
			    "REFRESH_TOKEN_EXPIRED");
	assert_string_equal(failure_category_name((enum failure_category)99), "UNKNOWN");
	assert_string_equal(failure_category_name((enum failure_category)(-1)), "UNKNOWN");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_every_member_with_its_none),
		cmocka_unit_test(nobody_who_wants_to_know_is_fine),
		cmocka_unit_test(prefix_keeps_category_and_puts_context_in_front),
		cmocka_unit_test(message_may_be_made_from_itself),
		cmocka_unit_test(long_message_is_cut_between_characters),
		cmocka_unit_test(broken_bytes_are_repaired),
		cmocka_unit_test(errno_is_left_alone),
		cmocka_unit_test(every_category_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests_name("failure", tests, NULL, NULL);
}

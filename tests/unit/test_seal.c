/*
 * seal.c: what was sealed for a user opens for that user under that key, unchanged, and for nobody
 * else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "worker/seal.h"

static void
assert_round_trip(const char *secret)
{
	char *sealed = seal_close("client secret", "user-1", secret);
	char *opened;

	assert_non_null(sealed);
	opened = seal_open("client secret", "user-1", sealed);
	assert_non_null(opened);
	assert_string_equal(opened, secret);
	free(opened);
	free(sealed);
}

static void
texts_of_every_length_come_back(void **state)
{
	char text[200] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_round_trip(text);
		text[i] = 'x';
	}
}

static void
the_secret_is_not_readable_and_no_two_seals_are_alike(void **state)
{
	char *one = seal_close("k", "u", "refresh-token-abc");
	char *two = seal_close("k", "u", "refresh-token-abc");

	(void)state;
	assert_null(strstr(one, "refresh"));
	assert_string_not_equal(one, two);
	free(one);
	free(two);
}

static void
another_key_or_user_opens_nothing(void **state)
{
	char *sealed = seal_close("k", "u", "s");

	(void)state;
	assert_null(seal_open("K", "u", sealed));
	assert_null(seal_open("k", "v", sealed));
	free(sealed);
}

static void
a_changed_byte_anywhere_opens_nothing(void **state)
{
	char *sealed = seal_close("k", "u", "some secret text");

	(void)state;
	/* One that ends in "=": the bits of its last letter that count for nothing may not change
	 * either.
	 */
	assert_int_equal(sealed[strlen(sealed) - 1], '=');
	for (size_t i = 0; sealed[i] != '\0'; i++) {
		char was = sealed[i];

		for (int byte = 1; byte < 128; byte++) {
			sealed[i] = (char)byte;
			if (byte != was && seal_open("k", "u", sealed) != NULL)
				fail_msg("byte %zu became %d, which was not noticed", i, byte);
		}
		sealed[i] = was;
	}
	free(sealed);
}

static void
garbage_opens_nothing(void **state)
{
	(void)state;
	assert_null(seal_open("k", "u", ""));
	assert_null(seal_open("k", "u", "===="));
	assert_null(seal_open("k", "u", "not base64 at all, but long enough to be looked at !!"));
	assert_null(seal_open("k", "u", "AAAA"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_every_length_come_back),
		cmocka_unit_test(the_secret_is_not_readable_and_no_two_seals_are_alike),
		cmocka_unit_test(another_key_or_user_opens_nothing),
		cmocka_unit_test(a_changed_byte_anywhere_opens_nothing),
		cmocka_unit_test(garbage_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * url.c: splitting, and the base URLs of HTTP servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/url.h"

static void
base_loses_its_slashes_and_nothing_else(void **state)
{
	static const char *const cases[][2] = {
		{"https://www.deviantart.com", "https://www.deviantart.com"},
		{"https://www.deviantart.com/", "https://www.deviantart.com"},
		{"HTTPS://host:8443/a/b//", "HTTPS://host:8443/a/b"},
		{"http://127.0.0.1:5000/", "http://127.0.0.1:5000"},
		{"http://127.9.9.9", "http://127.9.9.9"},
		{"http://[::1]:80", "http://[::1]:80"},
		{"http://LocalHost:1", "http://LocalHost:1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct failure why = {.message = ""};
		char *base = url_http_base(cases[i][0], true, &why);

		if (base == NULL)
			fail_msg("%s: %s", cases[i][0], why.message);
		assert_string_equal(base, cases[i][1]);
		free(base);
	}
}

static void
plain_http_is_for_loopback_only(void **state)
{
	static const char *const urls[] = {
		"http://www.deviantart.com",
		"http://128.0.0.1",
		"http://127.0.0.1.example.com",
		"http://[::2]",
		"http://localhost.",
		"http://0x7f000001",
	};
	struct failure why;
	char *base;

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_null(url_http_base(urls[i], true, &why));
		assert_non_null(strstr(why.message, "must be https"));
		base = url_http_base(urls[i], false, &why);
		assert_non_null(base);
		free(base);
	}
}

static void
base_refuses_what_is_no_base(void **state)
{
	static const char *const urls[] = {
		"",
		"www.deviantart.com",
		"ftp://host",
		"https://",
		"https:///path",
		"https://:443",
		"https://user@host",
		"https://user:SECRET@host",
		"https://host?x",
		"https://host/#x",
		"https://host:99999",
		"https://ho st",
		"https://host/a b",
		"https://h\xC3\xB6st",
		"https://[::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct failure why = {.message = ""};

		if (url_http_base(urls[i], false, &why) != NULL)
			fail_msg("taken: %s", urls[i]);
		assert_true(strlen(why.message) > 0);
		assert_null(strstr(why.message, "SECRET"));
	}
}

static void
numbers_are_strict(void **state)
{
	static const char *const wrong[] = {"",   "-1",  "+1",          " 1", "1 ",
					    "1x", "0x1", "99999999999", "8"};
	int number = 0;

	(void)state;
	assert_true(url_number((struct url_slice){"7", 1}, 1, 7, &number));
	assert_int_equal(number, 7);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(
			url_number((struct url_slice){wrong[i], strlen(wrong[i])}, 1, 7, &number));
	assert_false(url_number((struct url_slice){NULL, 0}, 0, 7, &number));
	assert_int_equal(number, 7);
}

static void
hosts_are_names_or_addresses(void **state)
{
	static const char *const good[] = {"a",   "a.b-c_d", "1.2.3.4",
					   "::1", "fe80::1", "::ffff:1.2.3.4"};
	static const char *const bad[] = {"", "a b", "a/b", "::g", ":", "[::1]", "a@b", "a:1"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(url_host_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(url_host_valid(bad[i], strlen(bad[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_loses_its_slashes_and_nothing_else),
		cmocka_unit_test(plain_http_is_for_loopback_only),
		cmocka_unit_test(base_refuses_what_is_no_base),
		cmocka_unit_test(numbers_are_strict),
		cmocka_unit_test(hosts_are_names_or_addresses),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}

/*
 * redis_url.c: every form of REDIS_URL, and that a wrong one is refused without being repeated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "common/redis_url.h"

static struct redis_address
parsed(const char *url)
{
	struct redis_address address = {.host = NULL};
	struct failure why = {.message = ""};

	if (!redis_url_parse(url, &address, &why))
		fail_msg("%s: %s", url, why.message);
	return address;
}

static void
assert_same(const char *actual, const char *expected)
{
	if (expected == NULL)
		assert_null(actual);
	else
		assert_string_equal(actual, expected);
}

static void
good_urls_are_taken_apart(void **state)
{
	static const struct {
		const char *url, *host;
		int port;
		const char *path, *user, *password;
		int db;
	} cases[] = {
		{"redis://localhost", "localhost", 6379, NULL, NULL, NULL, 0},
		{"redis://localhost/", "localhost", 6379, NULL, NULL, NULL, 0},
		{"REDIS://10.0.0.1:7000/3", "10.0.0.1", 7000, NULL, NULL, NULL, 3},
		{"redis://:pw@host", "host", 6379, NULL, NULL, "pw", 0},
		{"redis://user:pw@host:1/2", "host", 1, NULL, "user", "pw", 2},
		{"redis://user@host", "host", 6379, NULL, "user", NULL, 0},
		{"redis://:p%40%3a%2F%25@host", "host", 6379, NULL, NULL, "p@:/%", 0},
		{"redis://u%20s:p:q@host", "host", 6379, NULL, "u s", "p:q", 0},
		{"redis://:p@ss@host", "host", 6379, NULL, NULL, "p@ss", 0},
		{"redis://[::1]:6380/1", "::1", 6380, NULL, NULL, NULL, 1},
		{"redis://:x@[2001:db8::1]", "2001:db8::1", 6379, NULL, NULL, "x", 0},
		{"redis://my_host-1.example.com:65535", "my_host-1.example.com", 65535, NULL, NULL,
		 NULL, 0},
		{"redis://h?db=4&family=6", "h", 6379, NULL, NULL, NULL, 4},
		{"unix:///run/redis.sock", NULL, 0, "/run/redis.sock", NULL, NULL, 0},
		{"unix:///run/redis.sock?db=1", NULL, 0, "/run/redis.sock", NULL, NULL, 1},
		{"redis+unix://:pw@/run/a%20b?db=2", NULL, 0, "/run/a b", NULL, "pw", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct redis_address address = parsed(cases[i].url);

		assert_same(address.host, cases[i].host);
		assert_int_equal(address.port, cases[i].port);
		assert_same(address.path, cases[i].path);
		assert_same(address.user, cases[i].user);
		assert_same(address.password, cases[i].password);
		assert_int_equal(address.db, cases[i].db);
		assert_false(address.tls);
		redis_address_free(&address);
	}
}

static void
bad_urls_are_refused_untold(void **state)
{
	static const char *const urls[] = {
		"",
		"SECRET",
		"SECRET:6379",
		"://SECRET",
		"http://SECRET",
		"redis:/SECRET",
		"redis://",
		"redis://:SECRET@",
		"redis://:SECRET@/0",
		"redis://host:SECRET",
		"redis://host:0/SECRET",
		"redis://host:65536",
		"redis://host:+1",
		"redis://host:",
		"redis://host/SECRET",
		"redis://host/-1",
		"redis://host/0/1",
		"redis://host/99999999999",
		"redis://SEC RET",
		"redis://SECRET^x",
		"redis://[::1",
		"redis://[::1]6379",
		"redis://[SECRET]",
		"redis://[1.2.3.4]",
		"redis://::1",
		"redis://:SECRET%@host",
		"redis://:SECRET%4@host",
		"redis://:SECRET%zz@host",
		"redis://:SECRET%00@host",
		"redis://SEC/RET@host",
		"redis://:SEC#RET@host",
		"redis://host?SECRET=1",
		"redis://host?db=SECRET",
		"unix://",
		"unix:///",
		"unix://host/path",
		("unix:///"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct redis_address address = {.port = 77};
		struct failure why = {.message = ""};

		if (redis_url_parse(urls[i], &address, &why))
			fail_msg("taken: %s", urls[i]);
		assert_int_equal(why.category, FAILURE_OPERATOR);
		assert_true(strlen(why.message) > 0);
		assert_null(strstr(why.message, "SEC"));
		assert_null(strstr(why.message, "RET"));
		assert_int_equal(address.port, 77);
		assert_null(address.host);
	}
}

static void
tls_is_refused_where_the_build_has_none(void **state)
{
	struct redis_address address = {.host = NULL};
	struct failure why;

	(void)state;
#if defined(HAVE_REDIS_TLS)
	address = parsed("rediss://u:p@host:6380");
	assert_true(address.tls);
	assert_string_equal(address.host, "host");
	redis_address_free(&address);
	(void)why;
#else
	assert_false(redis_url_parse("rediss://u:p@host:6380", &address, &why));
	assert_non_null(strstr(why.message, "this build has no TLS support"));
	assert_non_null(strstr(why.message, "hiredis_ssl"));
#endif
}

static void
free_clears_and_may_be_repeated(void **state)
{
	struct redis_address address = parsed("redis://u:p@h");

	(void)state;
	redis_address_free(&address);
	assert_null(address.password);
	redis_address_free(&address);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_urls_are_taken_apart),
		cmocka_unit_test(bad_urls_are_refused_untold),
		cmocka_unit_test(tls_is_refused_where_the_build_has_none),
		cmocka_unit_test(free_clears_and_may_be_repeated),
	};

	return cmocka_run_group_tests_name("redis_url", tests, NULL, NULL);
}

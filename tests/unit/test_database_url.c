/*
 * database_url.c: Prisma's parameters go, libpq's stay, and libpq takes the result.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "common/database_url.h"

static struct database_address
parsed(const char *url)
{
	struct database_address address = {.conninfo = NULL};
	struct failure why = {.message = ""};

	if (!database_url_parse(url, &address, &why))
		fail_msg("%s: %s", url, why.message);
	return address;
}

/* What libpq reads for a keyword in what we made of url; "" if nothing. */
static const char *
option(const char *url, const char *keyword)
{
	static char value[512];
	struct database_address address = parsed(url);
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(address.conninfo, &message);

	assert_non_null(options);
	value[0] = '\0';
	for (const PQconninfoOption *at = options; at->keyword != NULL; at++) {
		if (strcmp(at->keyword, keyword) == 0 && at->val != NULL)
			snprintf(value, sizeof(value), "%s", at->val);
	}
	PQconninfoFree(options);
	database_address_free(&address);
	return value;
}

static void
plain_url_is_left_as_it_is(void **state)
{
	static const char *const urls[] = {
		"postgresql://user:pass@host:5433/db",
		"postgres://user@host/db",
		"postgresql://",
		"postgresql:///db",
		"postgresql://u@[::1]:5432/db",
		"postgresql://u:p%40%2F%3F@h1:5432,h2:5433/db?target_session_attrs=read-write",
		"postgresql://u@%2Frun%2Fpg/db?application_name=a%20b",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct database_address address = parsed(urls[i]);

		assert_string_equal(address.conninfo, urls[i]);
		assert_string_equal(address.schema, "public");
		assert_false(address.pgbouncer);
		assert_int_equal(address.statement_cache_size, -1);
		database_address_free(&address);
	}
}

static void
prismas_parameters_are_taken_out(void **state)
{
	struct database_address address = parsed(
		"postgresql://u:p@h:6543/db?schema=isekai%20core&pgbouncer=true&connection_limit=1"
		"&connect_timeout=7&pool_timeout=10&sslaccept=accept_invalid_certs&socket_timeout=5"
		"&statement_cache_size=0&sslidentity=client.p12&sslpassword=x&sslmode=require"
		"&max_connection_lifetime=3&single_use_connections=true&workaround=some.pooler&&=x&"
		"flag");

	(void)state;
	assert_string_equal(address.conninfo,
			    "postgresql://u:p@h:6543/db?connect_timeout=7&sslmode=require");
	assert_string_equal(address.schema, "isekai core");
	assert_true(address.pgbouncer);
	assert_int_equal(address.statement_cache_size, 0);
	database_address_free(&address);
}

static void
encoded_parts_survive(void **state)
{
	static const char url[] = "postgresql://us%20er:p%3Fw%26%40@h/d%C3%A9?schema=x"
				  "&application_name=a%26b&options=-c%20statement_timeout%3D5s";

	(void)state;
	assert_string_equal(option(url, "user"), "us er");
	assert_string_equal(option(url, "password"), "p?w&@");
	assert_string_equal(option(url, "dbname"), "d\xC3\xA9");
	assert_string_equal(option(url, "application_name"), "a&b");
	assert_string_equal(option(url, "options"), "-c statement_timeout=5s");
	/* libpq takes a bare question mark in the user part; so do we. */
	assert_string_equal(option("postgresql://u:p?schema=q@h/db?schema=x", "password"),
			    "p?schema=q");
}

static void
unix_sockets_and_several_hosts_are_kept(void **state)
{
	(void)state;
	assert_string_equal(option("postgresql://u@/db?host=/run/x&port=5433", "host"), "/run/x");
	assert_string_equal(option("postgresql://u@/db?host=/run/x&port=5433", "port"), "5433");
	assert_string_equal(option("postgresql://u@localhost/db?host=/run/x&schema=s", "host"),
			    "/run/x");
	assert_string_equal(option("postgresql://u@h1:1,h2,h3:3/db?schema=s", "host"), "h1,h2,h3");
	assert_string_equal(option("postgresql://u@h1:1,h2,h3:3/db?schema=s", "port"), "1,,3");
}

static void
tls_parameters_mean_what_their_writer_meant(void **state)
{
	static const char libpqs[] =
		"postgresql://h/d?sslmode=verify-ca&sslcert=c.pem&sslkey=k.pem&sslrootcert=r%20.pem"
		"&sslpassword=pw";
	static const char prismas[] =
		"postgresql://h/d?sslmode=require&sslcert=server-ca.pem&sslaccept=strict";

	(void)state;
	assert_string_equal(option(libpqs, "sslmode"), "verify-ca");
	assert_string_equal(option(libpqs, "sslcert"), "c.pem");
	assert_string_equal(option(libpqs, "sslkey"), "k.pem");
	assert_string_equal(option(libpqs, "sslrootcert"), "r .pem");
	assert_string_equal(option(libpqs, "sslpassword"), "pw");
	assert_string_equal(option(prismas, "sslmode"), "verify-full");
	assert_string_equal(option(prismas, "sslrootcert"), "server-ca.pem");
	assert_string_equal(option(prismas, "sslcert"), "");
	assert_string_equal(
		option("postgresql://h/d?sslmode=require&sslaccept=strict", "sslrootcert"),
		"/etc/ssl/certs/ca-certificates.crt");
	assert_string_equal(option("postgresql://h/d?sslmode=disable&sslaccept=strict", "sslmode"),
			    "disable");
	assert_string_equal(option("postgresql://h/d?sslmode=no-verify", "sslmode"), "require");
}

static void
empty_schema_means_public(void **state)
{
	struct database_address address = parsed("postgresql://h/d?schema=");

	(void)state;
	assert_string_equal(address.schema, "public");
	database_address_free(&address);
}

/* Whatever they say, they are understood or ignored. */
static void
prismas_own_parameters_are_never_an_error(void **state)
{
	static const struct {
		const char *query;
		bool pgbouncer;
	} cases[] = {
		{"pgbouncer=yes", true},
		{"pgbouncer=True", true},
		{"pgbouncer=ON", true},
		{"pgbouncer=1", true},
		{"pgbouncer=maybe", true},
		{"pgbouncer=", false},
		{"pgbouncer=No", false},
		{"pgbouncer=FALSE", false},
		{"pgbouncer=0", false},
		{"pgbouncer=off", false},
		{"statement_cache_size=x", false},
		{"statement_cache_size=", false},
		{"statement_cache_size=-1", false},
		{"sslaccept=whatever", false},
		{"connection_limit=x", false},
		{"pool_timeout=", false},
		{"sslmode=", false},
		{"connect_timeout=", false},
	};
	static const char long_schema[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct database_address address;
	char url[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(url, sizeof(url), "postgresql://h/d?%s", cases[i].query);
		address = parsed(url);
		assert_int_equal(address.pgbouncer, cases[i].pgbouncer);
		assert_int_equal(address.statement_cache_size, -1);
		assert_string_equal(address.conninfo, "postgresql://h/d");
		database_address_free(&address);
	}
	snprintf(url, sizeof(url), "postgresql://h/d?schema=%s", long_schema);
	address = parsed(url);
	/* The server cuts it, wherever it is named. */
	assert_string_equal(address.schema, long_schema);
	database_address_free(&address);
}

static void
bad_urls_are_refused_untold(void **state)
{
	static const char *const urls[] = {
		"",
		"SECRET",
		"host=SECRET dbname=x",
		"mysql://SECRET@h/d",
		"prisma://accelerate?api_key=SECRET",
		"postgresql://u:SECRET%zz@h/d",
		"postgresql://u:SECRET%00@h/d",
		"postgresql://u@[::1/d?x=SECRET",
		"postgresql://u@[::1]SECRET/d",
		"postgresql://u@h:SECRET/d",
		"postgresql://u@h:0/d",
		"postgresql://u@h:70000/d",
		"postgresql://h1:1,h2:SECRET/d",
		"postgresql://h/d?sslmode=SECRET",
		"postgresql://h/d?connect_timeout=SECRET",
		"postgresql://h/d?schema=%SECRET",
		"postgresql://h/d?%SECRET=1",
		"postgresql://h/d?application_name=%SECRET",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct database_address address = {.statement_cache_size = 77};
		struct failure why = {.message = ""};

		if (database_url_parse(urls[i], &address, &why))
			fail_msg("taken: %s", urls[i]);
		assert_int_equal(why.category, FAILURE_OPERATOR);
		assert_true(strlen(why.message) > 0);
		assert_null(strstr(why.message, "SECRET"));
		assert_int_equal(address.statement_cache_size, 77);
		assert_null(address.conninfo);
	}
}

static void
repeated_parameters_leak_nothing_and_the_last_wins(void **state)
{
	struct database_address address =
		parsed("postgresql://h/d?schema=a&schema=b&sslmode=allow&sslmode=prefer"
		       "&sslpassword=a&sslpassword=b&sslkey=1&sslkey=2");

	(void)state;
	assert_string_equal(address.schema, "b");
	assert_string_equal(address.conninfo,
			    "postgresql://h/d?sslmode=prefer&sslkey=2&sslpassword=b");
	database_address_free(&address);
	database_address_free(&address);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_url_is_left_as_it_is),
		cmocka_unit_test(prismas_parameters_are_taken_out),
		cmocka_unit_test(encoded_parts_survive),
		cmocka_unit_test(unix_sockets_and_several_hosts_are_kept),
		cmocka_unit_test(tls_parameters_mean_what_their_writer_meant),
		cmocka_unit_test(empty_schema_means_public),
		cmocka_unit_test(prismas_own_parameters_are_never_an_error),
		cmocka_unit_test(bad_urls_are_refused_untold),
		cmocka_unit_test(repeated_parameters_leak_nothing_and_the_last_wins),
	};

	return cmocka_run_group_tests_name("database_url", tests, NULL, NULL);
}

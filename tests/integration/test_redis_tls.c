/*
 * test_redis_tls.c - rediss:// against real servers with certificates, as an ACL user.   [tests]
 *
 * The right certificate, and those of a stranger, for another host, and out of date. Where the
 * build has no hiredis_ssl: that rediss:// is refused, never spoken in the clear.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/failure.h"
#include "common/redis.h"
#include "common/redis_url.h"
#include "tests/integration/redis_server.h"
#include "tests/integration/tls_servers.h"

#define TIMEOUT_MS 5000

static struct failure why;

#ifdef HAVE_REDIS_TLS

static struct tls_servers servers;

static int
set_up_server(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return tls_servers_start(&servers) ? 0 : -1;
}

static int
tear_down_server(void **state)
{
	(void)state;
	tls_servers_stop(&servers);
	return 0;
}

static int
trust_ours(void **state)
{
	(void)state;
	return setenv("SSL_CERT_FILE", servers.trusted, 1);
}

static struct redis_address
address_at(const struct tls_server *server, const char *host)
{
	static char user[] = TLS_USER, password[] = TLS_PASSWORD;

	return (struct redis_address){.host = (char *)(uintptr_t)host,
				      .port = server->port,
				      .user = user,
				      .password = password,
				      .tls = true};
}

/* ---- what works ---- */

static void
works_where_the_certificate_is_known(void **state)
{
	static char big[1000000];
	const char *hosts[] = {"localhost", "127.0.0.1"};

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	for (size_t i = 0; i < 2; i++) {
		struct redis_address address = address_at(&servers.ours, hosts[i]);
		struct redis *redis = redis_new(&address, "tls");

		/* A megabyte each way: many TLS records, some of them decrypted before poll() can
		 * know. */
		for (int n = 0; n < 5; n++) {
			struct redisReply *reply = redis_call(redis, TIMEOUT_MS, &why, 2,
							      (const char *[]){"ECHO", big}, NULL);

			if (reply == NULL)
				fail_msg("%s", why.message);
			assert_int_equal(reply->len, sizeof(big) - 1);
			redis_reply_free(reply);
		}
		redis_free(redis);
	}
}

static void
waits_and_wakes_as_without(void **state)
{
	struct redis_address address = address_at(&servers.ours, "localhost");
	struct redis *redis = redis_new(&address, NULL);
	struct redisReply *reply = NULL;
	const char *pop[] = {"BLPOP", "list", "0"};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_true(redis_connect(redis, TIMEOUT_MS, &why));
	assert_true(redis_begin(redis, &why, 3, pop, NULL));
	assert_int_equal(redis_wait(redis, 30, &reply, &why), REDIS_WAITING);
	redis_set_wake_fd(redis, ends[0]);
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(redis_wait(redis, TIMEOUT_MS, &reply, &why), REDIS_WOKEN);
	redis_set_wake_fd(redis, -1);
	assert_int_equal(redis_wait(redis, 10, &reply, &why), REDIS_WAITING);
	redis_free(redis);
	close(ends[0]);
	close(ends[1]);
}

/* ---- what is refused ---- */

static void
is_refused(const struct redis_address *address, const char *words)
{
	struct redis *redis = redis_new(address, NULL);

	assert_false(redis_connect(redis, TIMEOUT_MS, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	if (strstr(why.message, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why.message, words);
	assert_null(strstr(why.message, TLS_PASSWORD));
	assert_false(redis_connected(redis));
	redis_free(redis);
}

static void
a_wrong_password_is_refused(void **state)
{
	struct redis_address address = address_at(&servers.ours, "localhost");

	(void)state;
	address.password = (char[]){"hidden-other"};
	is_refused(&address, "user name or password refused");
	address.password = (char[]){TLS_PASSWORD};
	address.user = (char[]){"nobody"};
	is_refused(&address, "user name or password refused");
}

static void
a_certificate_of_nobody_it_knows_is_refused(void **state)
{
	struct redis_address address = address_at(&servers.stranger, "localhost");

	(void)state;
	is_refused(&address, "certificate is refused: self");
	/* With nobody known at all, ours is a stranger too. */
	setenv("SSL_CERT_FILE", "/dev/null", 1);
	address = address_at(&servers.ours, "localhost");
	is_refused(&address, "certificate is refused: self");
}

static void
a_certificate_for_another_host_is_refused(void **state)
{
	struct redis_address address = address_at(&servers.misnamed, "localhost");

	(void)state;
	is_refused(&address, "certificate is refused: hostname mismatch");
	address = address_at(&servers.ours, "127.0.0.2");
	is_refused(&address, "certificate is refused: IP address mismatch");
}

static void
a_certificate_out_of_date_is_refused(void **state)
{
	struct redis_address address = address_at(&servers.expired, "localhost");

	(void)state;
	is_refused(&address, "certificate is refused: certificate has expired");
}

static void
a_plain_server_is_no_tls_server(void **state)
{
	struct redis_address address = address_at(&servers.ours, "localhost");
	struct redis *redis;
	int64_t started_ms = clock_mono_ms();

	(void)state;
	address.port = servers.ours.redis.port;
	redis = redis_new(&address, NULL);
	assert_false(redis_connect(redis, 1000, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_true(clock_mono_ms() - started_ms < 3000);
	redis_free(redis);
}

#else

static struct redis_server server;

static void
certificates_and_users_are_checked_where_the_build_has_tls(void **state)
{
	(void)state;
	print_message("# SKIP this build has no hiredis_ssl (hiredis 1.0 or later, Debian 13)\n");
	skip();
}

static int
set_up_server(void **state)
{
	(void)state;
	return redis_server_start(&server, NULL) ? 0 : -1;
}

static int
tear_down_server(void **state)
{
	(void)state;
	redis_server_stop(&server);
	return 0;
}

static void
is_refused_where_the_build_has_no_tls(void **state)
{
	struct redis_address address = {
		.host = (char[]){"127.0.0.1"}, .port = server.port, .tls = true};
	struct redis *redis = redis_new(&address, NULL);

	(void)state;
	assert_false(redis_connect(redis, TIMEOUT_MS, &why));
	assert_int_equal(why.category, FAILURE_OPERATOR);
	assert_false(redis_connected(redis));
	redis_free(redis);
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef HAVE_REDIS_TLS
		cmocka_unit_test_setup(works_where_the_certificate_is_known, trust_ours),
		cmocka_unit_test_setup(waits_and_wakes_as_without, trust_ours),
		cmocka_unit_test_setup(a_wrong_password_is_refused, trust_ours),
		cmocka_unit_test_setup(a_certificate_of_nobody_it_knows_is_refused, trust_ours),
		cmocka_unit_test_setup(a_certificate_for_another_host_is_refused, trust_ours),
		cmocka_unit_test_setup(a_certificate_out_of_date_is_refused, trust_ours),
		cmocka_unit_test_setup(a_plain_server_is_no_tls_server, trust_ours),
#else
		cmocka_unit_test(is_refused_where_the_build_has_no_tls),
		cmocka_unit_test(certificates_and_users_are_checked_where_the_build_has_tls),
#endif
	};

	return cmocka_run_group_tests(tests, set_up_server, tear_down_server);
}

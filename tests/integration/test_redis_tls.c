/*
 * test_redis_tls.c - rediss:// against a real server with a certificate.   [tests]
 *
 * Where the build has no hiredis_ssl: that rediss:// is refused, never spoken in the clear.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/failure.h"
#include "common/redis.h"
#include "common/redis_url.h"
#include "tests/integration/redis_server.h"

#define TIMEOUT_MS 5000

static struct redis_server server;
static struct failure why;

#ifdef HAVE_REDIS_TLS

static char directory[] = "/tmp/publisher-tls.XXXXXX";
static char certificate[96], key[96], tls_port[16];
static const char *options[] = {"--tls-port",     tls_port,    "--tls-cert-file",    certificate,
				"--tls-key-file", key,         "--tls-auth-clients", "no",
				"--bind",         "127.0.0.1", "127.0.0.2",          NULL};

/* One certificate that is its own authority, for "localhost" and 127.0.0.1. */
static bool
make_certificate(void)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(126);
		execlp("openssl", "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
		       "-days", "2", "-subj", "/CN=localhost", "-addext",
		       "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out",
		       certificate, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int
set_up_server(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(certificate, sizeof(certificate), "%s/cert.pem", directory);
	snprintf(key, sizeof(key), "%s/key.pem", directory);
	/* Next to the plain port, which was free a moment ago. */
	snprintf(tls_port, sizeof(tls_port), "%d", 20000 + (int)(getpid() % 20000));
	return make_certificate() && redis_server_start(&server, options) ? 0 : -1;
}

static int
tear_down_server(void **state)
{
	(void)state;
	redis_server_stop(&server);
	unlink(certificate);
	unlink(key);
	rmdir(directory);
	return 0;
}

static struct redis_address
address_of(const char *host)
{
	return (struct redis_address){.host = (char *)(uintptr_t)host,
				      .port = (int)strtol(tls_port, NULL, 10),
				      .tls = true};
}

static void
works_where_the_certificate_is_known(void **state)
{
	static char big[1000000];
	const char *hosts[] = {"localhost", "127.0.0.1"};

	(void)state;
	setenv("SSL_CERT_FILE", certificate, 1);
	memset(big, 'x', sizeof(big) - 1);
	for (size_t i = 0; i < 2; i++) {
		struct redis_address address = address_of(hosts[i]);
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
	struct redis_address address = address_of("localhost");
	struct redis *redis = redis_new(&address, NULL);
	struct redisReply *reply = NULL;
	const char *pop[] = {"BLPOP", "list", "0"};
	int ends[2];

	(void)state;
	setenv("SSL_CERT_FILE", certificate, 1);
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

static void
refuses_a_certificate_of_nobody_it_knows(void **state)
{
	struct redis_address address = address_of("localhost");
	struct redis *redis = redis_new(&address, NULL);

	(void)state;
	setenv("SSL_CERT_FILE", "/dev/null", 1);
	assert_false(redis_connect(redis, TIMEOUT_MS, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "certificate"));
	redis_free(redis);
}

static void
refuses_a_certificate_for_another_host(void **state)
{
	struct redis_address address = address_of("127.0.0.2");
	struct redis *redis = redis_new(&address, NULL);

	(void)state;
	setenv("SSL_CERT_FILE", certificate, 1);
	assert_false(redis_connect(redis, TIMEOUT_MS, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_non_null(strstr(why.message, "certificate"));
	redis_free(redis);
}

static void
a_plain_server_is_no_tls_server(void **state)
{
	struct redis_address address = address_of("localhost");
	struct redis *redis;
	int64_t started_ms = clock_mono_ms();

	(void)state;
	address.port = server.port;
	redis = redis_new(&address, NULL);
	assert_false(redis_connect(redis, 1000, &why));
	assert_int_equal(why.category, FAILURE_AWAY);
	assert_true(clock_mono_ms() - started_ms < 3000);
	redis_free(redis);
}

#else

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
		cmocka_unit_test(works_where_the_certificate_is_known),
		cmocka_unit_test(waits_and_wakes_as_without),
		cmocka_unit_test(refuses_a_certificate_of_nobody_it_knows),
		cmocka_unit_test(refuses_a_certificate_for_another_host),
		cmocka_unit_test(a_plain_server_is_no_tls_server),
#else
		cmocka_unit_test(is_refused_where_the_build_has_no_tls),
#endif
	};

	return cmocka_run_group_tests(tests, set_up_server, tear_down_server);
}

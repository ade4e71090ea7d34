/*
 * test_redis_tls_ready.c - a whole publisher's /ready over rediss://.   [tests]
 *
 * With a wrong certificate it is not ready, and says why. Only where the build has hiredis_ssl.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/integration/tls_servers.h"

/* Generous: the machine may be busy. */
#define DEADLINE_MS 30000

#ifdef HAVE_REDIS_TLS

static const char away[] = "\"redis\":{\"connected\":false}";

static struct tls_servers servers;

static int
set_up(void **state)
{
	(void)state;
	return tls_servers_start(&servers) && setenv("SSL_CERT_FILE", servers.trusted, 1) == 0 ? 0
											       : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	tls_servers_stop(&servers);
	return 0;
}

static const char *
program(void)
{
	const char *name = getenv("PUBLISHER");

	return name != NULL ? name : "build/isekai-publisher";
}

/* Everything but Redis is away. */
static _Noreturn void
become_publisher(const char *redis_url, int health_port)
{
	static const char *const fixed[][2] = {
		{"DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none"},
		{"DEVIANTART_CLIENT_ID", "1"},
		{"DEVIANTART_CLIENT_SECRET", "hidden"},
		{"S3_ENDPOINT", "http://127.0.0.1:1"},
		{"S3_ACCESS_KEY_ID", "key"},
		{"S3_SECRET_ACCESS_KEY", "hidden"},
		{"S3_BUCKET_NAME", "bucket"},
		{"PUBLISHER_CONCURRENCY", "1"},
		{"HEALTH_CHECK_HOST", "127.0.0.1"},
	};
	char port[16];
	int out = open("/dev/null", O_WRONLY);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(port, sizeof(port), "%d", health_port);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		setenv(fixed[i][0], fixed[i][1], 1);
	setenv("REDIS_URL", redis_url, 1);
	setenv("HEALTH_CHECK_PORT", port, 1);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	execl(program(), program(), (char *)NULL);
	_exit(127);
}

/* The whole answer of /ready; empty while nobody listens. */
static void
read_ready(int port, char *answer, size_t size)
{
	static const char request[] = "GET /ready HTTP/1.0\r\n\r\n";
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t used = 0;
	ssize_t n;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0) {
		while ((n = recv(fd, answer + used, size - 1 - used, 0)) > 0)
			used += (size_t)n;
	}
	answer[used] = '\0';
	close(fd);
}

static bool
says(const char *answer, const char *status, const char *words)
{
	return strstr(answer, status) != NULL && strstr(answer, words) != NULL;
}

/* Starts a publisher, waits until its /ready says both, and lets it drain. */
static void
ready_says(const struct tls_server *server, const char *status, const char *words)
{
	int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;
	int port = tls_free_port(), exit_status = -1;
	char url[128], answer[4096] = "";
	pid_t pid;

	snprintf(url, sizeof(url), "rediss://" TLS_USER ":" TLS_PASSWORD "@localhost:%d",
		 server->port);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		become_publisher(url, port);
	while (!says(answer, status, words) && clock_mono_ms() < deadline_ms) {
		poll(NULL, 0, 20);
		read_ready(port, answer, sizeof(answer));
	}
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &exit_status, 0), pid);
	if (!says(answer, status, words))
		fail_msg("/ready says %s", answer);
	assert_null(strstr(answer, TLS_PASSWORD));
	assert_int_equal(exit_status, 0);
}

static void
a_certificate_for_another_host_is_named(void **state)
{
	(void)state;
	ready_says(&servers.misnamed, away, "certificate is refused: hostname mismatch");
}

static void
a_certificate_out_of_date_is_named(void **state)
{
	(void)state;
	ready_says(&servers.expired, away, "certificate is refused: certificate has expired");
}

static void
a_certificate_of_a_stranger_is_named(void **state)
{
	(void)state;
	ready_says(&servers.stranger, away, "certificate is refused: self");
}

static void
the_right_certificate_and_user_connect(void **state)
{
	(void)state;
	ready_says(&servers.ours, "PostgreSQL is away", "\"redis\":{\"connected\":true}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_for_another_host_is_named),
		cmocka_unit_test(a_certificate_out_of_date_is_named),
		cmocka_unit_test(a_certificate_of_a_stranger_is_named),
		cmocka_unit_test(the_right_certificate_and_user_connect),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

#else

int
main(void)
{
	puts("1..1\nok 1 - rediss:// # SKIP this build has no hiredis_ssl (hiredis 1.0 or later)");
	return 0;
}

#endif

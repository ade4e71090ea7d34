/*
 * probe.c - isekai-healthcheck: asks a running publisher's /health.    [a program of its own]
 *
 *   isekai-healthcheck [-c FILE]
 *
 * For a container's HEALTHCHECK, where there is neither shell nor curl. It finds the listener by
 * the publisher's own settings (HEALTH_CHECK_*, and the INI file if it is given one) and prints why
 * it is not content. Invariant: it ends within PROBE_S seconds, with 0 or 1 (Docker keeps the rest
 * for itself), whatever the resolver and the other side do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/config_sources.h"
#include "common/config_table.h"
#include "common/config_value.h"
#include "common/failure.h"

/* Less than the Dockerfile gives it, so that the reason is told. */
#define PROBE_S 4

static const char request[] = "GET /health HTTP/1.1\r\n"
			      "Host: localhost\r\n"
			      "Connection: close\r\n\r\n";

/* ---- when time is up ---- */

static void
on_alarm(int signal_number)
{
	static const char words[] = "isekai-healthcheck: no answer in time\n";
	ssize_t written = write(STDERR_FILENO, words, sizeof(words) - 1);

	(void)signal_number;
	(void)written; /* nobody else to tell */
	_exit(EXIT_FAILURE);
}

/* One deadline over all: the resolver knows none of its own. */
static void
set_deadline(void)
{
	const struct sigaction action = {.sa_handler = on_alarm};

	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(PROBE_S);
}

/* ---- where to ask ---- */

static bool
take_setting(struct config *config, const struct config_setting *setting,
	     const struct config_source *source, struct failure *why)
{
	if (source->wrong || source->text == NULL)
		return failure_set(why, FAILURE_OPERATOR, "%s: cannot be read", setting->env);
	return config_value_set(config, setting, source->text, why) ||
	       failure_prefix(why, "%s: ", setting->env);
}

/* Of all settings the listener's only: what is wrong with the others is not our business. */
static bool
read_settings(const char *ini_path, struct config *config, struct failure *why)
{
	struct config_source *sources = calloc(config_setting_count, sizeof(*sources));
	struct config_errors errors = CONFIG_ERRORS_NONE;
	bool ok = true;

	if (sources == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	config_sources_read(ini_path, sources, &errors);
	for (size_t i = 0; i < config_setting_count && ok; i++)
		if (strcmp(config_settings[i].section, "health") == 0)
			ok = take_setting(config, &config_settings[i], &sources[i], why);
	config_sources_free(sources);
	free(sources);
	config_errors_free(&errors);
	return ok;
}

/* A listener on every address is asked on the loopback one. */
static void
prefer_loopback(struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (address->sa_family == AF_INET) {
		memcpy(&in, address, sizeof(in));
		if (in.sin_addr.s_addr == htonl(INADDR_ANY))
			in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		memcpy(address, &in, sizeof(in));
	} else if (address->sa_family == AF_INET6) {
		memcpy(&in6, address, sizeof(in6));
		if (IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr))
			in6.sin6_addr = in6addr_loopback;
		memcpy(address, &in6, sizeof(in6));
	}
}

static int
dial_address(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int saved_errno;

	if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
		saved_errno = errno;
		close(fd);
		errno = saved_errno;
		return -1;
	}
	return fd;
}

static int
dial(const struct config *config, struct failure *why)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *addresses = NULL;
	char service[16];
	int fd = -1, error;

	snprintf(service, sizeof(service), "%d", config->health_check_port);
	error = getaddrinfo(config->health_check_host, service, &hints, &addresses);
	if (error != 0) {
		failure_set(why, FAILURE_AWAY, "HEALTH_CHECK_HOST: \"%s\": %s",
			    config->health_check_host, gai_strerror(error));
		return -1;
	}
	for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
		prefer_loopback(a->ai_addr);
		fd = dial_address(a);
	}
	if (fd < 0)
		failure_set(why, FAILURE_AWAY, "%s port %d: %s", config->health_check_host,
			    config->health_check_port, strerror(errno));
	freeaddrinfo(addresses);
	return fd;
}

/* ---- asking ---- */

static bool
send_request(int fd, struct failure *why)
{
	size_t sent = 0;

	while (sent < sizeof(request) - 1) {
		ssize_t n = send(fd, request + sent, sizeof(request) - 1 - sent, MSG_NOSIGNAL);

		if (n < 0)
			return failure_set(why, FAILURE_AWAY, "sending: %s", strerror(errno));
		sent += (size_t)n;
	}
	return true;
}

/* The answer's beginning, as much as fits; read to its end, so that the publisher can close in
 * peace. */
static bool
receive_answer(int fd, char *answer, size_t size, struct failure *why)
{
	char rest[512];
	size_t kept = 0;
	ssize_t n;

	do {
		bool fits = kept < size - 1;

		n = fits ? recv(fd, answer + kept, size - 1 - kept, 0)
			 : recv(fd, rest, sizeof(rest), 0);
		if (n < 0)
			return failure_set(why, FAILURE_AWAY, "receiving: %s", strerror(errno));
		kept += fits ? (size_t)n : 0;
	} while (n > 0);
	answer[kept] = '\0';
	return true;
}

static bool
ask(const struct config *config, struct failure *why)
{
	char answer[256];
	int fd = dial(config, why);
	bool ok;

	if (fd < 0)
		return false;
	ok = send_request(fd, why) && receive_answer(fd, answer, sizeof(answer), why);
	close(fd);
	if (!ok || strncmp(answer, "HTTP/1.1 200 ", 13) == 0)
		return ok;
	answer[strcspn(answer, "\r\n")] = '\0';
	return failure_set(why, FAILURE_SERVER_ERROR, "/health answers \"%s\"", answer);
}

static bool
probe(const char *ini_path, struct failure *why)
{
	struct config config = {.health_check_host = NULL};
	bool ok;

	if (ini_path != NULL && access(ini_path, R_OK) != 0)
		return failure_set(why, FAILURE_OPERATOR, "%s: %s", ini_path, strerror(errno));
	ok = read_settings(ini_path, &config, why);
	if (ok && !config.health_check_enabled)
		puts("HEALTH_CHECK_ENABLED is off: there is nothing to ask");
	else if (ok)
		ok = ask(&config, why);
	free(config.health_check_host);
	return ok;
}

int
main(int argc, char **argv)
{
	const char *ini_path = argc == 3 && strcmp(argv[1], "-c") == 0 ? argv[2] : NULL;
	struct failure why;

	if (argc != 1 && ini_path == NULL) {
		fputs("usage: isekai-healthcheck [-c FILE]\n", stderr);
		return EXIT_FAILURE;
	}
	(void)prctl(PR_SET_DUMPABLE, 0); /* the file that is read holds secrets */
	set_deadline();
	if (probe(ini_path, &why))
		return EXIT_SUCCESS;
	fprintf(stderr, "isekai-healthcheck: %s\n", why.message);
	return EXIT_FAILURE;
}

/*
 * ask.c - one question to a publisher's health listener.               [isekai-healthcheck, status]
 */
#include "health/ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/text.h"

/* ---- connecting ---- */

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

/* connect() keeps to SO_SNDTIMEO, too (socket(7)). */
static bool
set_timeouts(int fd, int timeout_ms)
{
	const struct timeval wait = {.tv_sec = timeout_ms / 1000,
				     .tv_usec = timeout_ms % 1000 * 1000};

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0;
}

static int
dial_address(const struct addrinfo *address, int timeout_ms)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int saved_errno;

	if (fd >= 0 && (!set_timeouts(fd, timeout_ms) ||
			connect(fd, address->ai_addr, address->ai_addrlen) != 0)) {
		saved_errno = errno;
		close(fd);
		errno = saved_errno == EINPROGRESS ? ETIMEDOUT : saved_errno;
		return -1;
	}
	return fd;
}

static int
dial(const char *host, int port, int timeout_ms, struct failure *why)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *addresses = NULL;
	char service[16];
	int fd = -1, error;

	snprintf(service, sizeof(service), "%d", port);
	error = getaddrinfo(host, service, &hints, &addresses);
	if (error != 0) {
		failure_set(why, FAILURE_AWAY, "HEALTH_CHECK_HOST: \"%s\": %s", host,
			    gai_strerror(error));
		return -1;
	}
	for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next) {
		prefer_loopback(a->ai_addr);
		fd = dial_address(a, timeout_ms);
	}
	if (fd < 0)
		failure_set(why, FAILURE_AWAY, "%s port %d: %s", host, port, strerror(errno));
	freeaddrinfo(addresses);
	return fd;
}

/* ---- asking ---- */

static const char *
told_by(int error)
{
	return error == EAGAIN ? "no answer in time" : strerror(error);
}

static bool
send_request(int fd, const char *path, struct failure *why)
{
	char request[256];
	size_t sent = 0, size;
	int length =
		snprintf(request, sizeof(request),
			 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);

	if (length < 0 || (size_t)length >= sizeof(request))
		return failure_set(why, FAILURE_AWAY, "the path is too long");
	for (size = (size_t)length; sent < size;) {
		ssize_t n = send(fd, request + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0)
			return failure_set(why, FAILURE_AWAY, "sending: %s", told_by(errno));
		sent += (size_t)n;
	}
	return true;
}

/* Everything to its end, so that the publisher can close in peace. NULL: no answer. free(). */
static char *
receive_all(int fd, size_t limit, size_t *size, struct failure *why)
{
	size_t room = 4096;
	char *text = malloc(room);

	for (*size = 0; text != NULL;) {
		ssize_t n = recv(fd, text + *size, room - 1 - *size, 0);
		char *bigger;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || *size + (size_t)n > limit) {
			failure_set(why, FAILURE_AWAY, "receiving: %s",
				    n < 0 ? told_by(errno) : "the answer is too long");
			free(text);
			return NULL;
		}
		*size += (size_t)n;
		text[*size] = '\0';
		if (n == 0)
			return text;
		if (*size < room - 1)
			continue;
		room *= 2;
		bigger = realloc(text, room);
		if (bigger == NULL)
			free(text);
		text = bigger;
	}
	failure_set(why, FAILURE_AWAY, "out of memory");
	return NULL;
}

/* 0: that is no status line (RFC 9112, 4). */
static int
status_of(const char *text)
{
	static const char version[] = "HTTP/1.";
	const char *digits = text + sizeof(version) - 1 + 2;

	if (strncmp(text, version, sizeof(version) - 1) != 0 || text[sizeof(version) - 1] == '\0' ||
	    text[sizeof(version)] != ' ' || strspn(digits, "0123456789") != 3)
		return 0;
	return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + digits[2] - '0';
}

/* Takes text. The length is not looked at: the connection ends with the answer. */
static bool
read_reply(char *text, size_t size, struct ask_reply *reply, struct failure *why)
{
	const char *body = strstr(text, "\r\n\r\n");
	char line[sizeof(reply->status_line)];

	(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\r\n"), text);
	text_copy(reply->status_line, sizeof(reply->status_line), line);
	reply->status = status_of(text);
	if (body == NULL || reply->status == 0) {
		free(text);
		return failure_set(why, FAILURE_AWAY, "that is no answer of a publisher: \"%s\"",
				   reply->status_line);
	}
	body += 4;
	reply->size = size - (size_t)(body - text);
	memmove(text, body, reply->size + 1);
	reply->body = text;
	return true;
}

bool
ask(const char *host, int port, const char *path, int timeout_ms, size_t limit,
    struct ask_reply *reply, struct failure *why)
{
	int fd = dial(host, port, timeout_ms, why);
	size_t size = 0;
	char *text;

	*reply = (struct ask_reply){0};
	if (fd < 0)
		return false;
	/* The head counts as well; it is small. */
	text = send_request(fd, path, why) ? receive_all(fd, limit + 4096, &size, why) : NULL;
	close(fd);
	return text != NULL && read_reply(text, size, reply, why);
}

void
ask_free(struct ask_reply *reply)
{
	free(reply->body);
	reply->body = NULL;
}

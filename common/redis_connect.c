/*
 * redis_connect.c - opens the socket to Redis.                         [worker, dispatcher]
 *
 * hiredis gets a descriptor that is connected already: its own connecting tries one address only
 * and cannot be woken. Every wait here has the caller's deadline and obeys the wake descriptor.
 * getaddrinfo() alone blocks, bounded by the resolver's own options (resolv.conf: timeout,
 * attempts).
 */
#include "common/redis_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/failure.h"
#include "common/redis_url.h"

/* A peer that vanished without a word is noticed after 15 + 3 * 5 s, data nobody acknowledges after
 * 20 s. */
#define KEEPALIVE_IDLE_S     15
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES     3
#define UNACKNOWLEDGED_MS    20000

static int
poll_timeout(int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - clock_mono_ms();

	if (left_ms <= 0)
		return 0;
	return left_ms > 60000 ? 60000 : (int)left_ms;
}

enum redis_poll
redis_poll_until(const struct redis *redis, int fd, short events, int64_t deadline_ms, short *ready)
{
	struct pollfd fds[2] = {
		{.fd = fd, .events = events},
		{.fd = redis->wake_fd, .events = POLLIN},
	};
	int count;

	for (;;) {
		count = poll(fds, redis->wake_fd >= 0 ? 2 : 1, poll_timeout(deadline_ms));
		if (count < 0 && errno != EINTR)
			return REDIS_POLL_FAILED;
		if (count > 0)
			break;
		if (clock_mono_ms() >= deadline_ms)
			return REDIS_POLL_TIMEOUT;
	}
	if (fds[0].revents != 0) {
		*ready = fds[0].revents;
		return REDIS_POLL_READY;
	}
	return REDIS_POLL_WOKEN;
}

bool
redis_poll_failure(enum redis_poll result, const char *doing, struct failure *why)
{
	if (result == REDIS_POLL_WOKEN)
		return failure_set(why, FAILURE_STOPPED, "stopped while %s", doing);
	if (result == REDIS_POLL_TIMEOUT)
		return failure_set(why, FAILURE_AWAY, "Redis: timed out while %s", doing);
	return failure_set(why, FAILURE_AWAY, "Redis: poll failed while %s: %s", doing,
			   strerror(errno));
}

static void
set_tcp_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS},
	};

	/* Each makes things better and none is needed: a kernel without one serves as well. */
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof(options[i].value));
}

/* Connects one address. The socket, or -1 with *why set. */
static int
connect_one(const struct redis *redis, const struct sockaddr *address, socklen_t size,
	    int64_t deadline_ms, struct failure *why)
{
	enum redis_poll result;
	int error = 0;
	socklen_t error_size = sizeof(error);
	short ready = 0;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		failure_set(why, FAILURE_AWAY, "Redis: socket: %s", strerror(errno));
		return -1;
	}
	if (connect(fd, address, size) == 0)
		return fd;
	if (errno != EINPROGRESS) {
		failure_set(why, FAILURE_AWAY, "Redis: connect: %s", strerror(errno));
		goto failed;
	}
	result = redis_poll_until(redis, fd, POLLOUT, deadline_ms, &ready);
	if (result != REDIS_POLL_READY) {
		redis_poll_failure(result, "connecting", why);
		goto failed;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0)
		error = errno;
	if (error == 0)
		return fd;
	failure_set(why, FAILURE_AWAY, "Redis: connect: %s", strerror(error));
failed:
	close(fd);
	return -1;
}

static int
connect_unix(const struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(redis->address->path);

	if (length >= sizeof(address.sun_path)) {
		failure_set(why, FAILURE_OPERATOR,
			    "Redis: the socket's path is longer than %zu bytes",
			    sizeof(address.sun_path) - 1);
		return -1;
	}
	memcpy(address.sun_path, redis->address->path, length + 1);
	return connect_one(redis, (const struct sockaddr *)&address, sizeof(address), deadline_ms,
			   why);
}

/* The first of the host's addresses that takes the connection; the time is shared among them. */
static int
connect_tcp(const struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL, *one;
	int64_t now_ms, until_ms;
	char port[16];
	int rc, fd = -1, left = 0;

	snprintf(port, sizeof(port), "%d", redis->address->port);
	rc = getaddrinfo(redis->address->host, port, &hints, &found);
	if (rc != 0) {
		failure_set(why, FAILURE_AWAY, "Redis: cannot resolve the host: %s",
			    rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
		return -1;
	}
	for (one = found; one != NULL; one = one->ai_next)
		left++;
	for (one = found; one != NULL && fd < 0; one = one->ai_next, left--) {
		now_ms = clock_mono_ms();
		until_ms = now_ms + (deadline_ms - now_ms) / left;
		fd = connect_one(redis, one->ai_addr, one->ai_addrlen, until_ms, why);
		if (fd < 0 && why != NULL && why->category == FAILURE_STOPPED)
			break;
	}
	freeaddrinfo(found);
	if (fd >= 0)
		set_tcp_options(fd);
	return fd;
}

bool
redis_open(struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	int fd = redis->address->path != NULL ? connect_unix(redis, deadline_ms, why)
					      : connect_tcp(redis, deadline_ms, why);

	if (fd < 0)
		return false;
	redis->context = redisConnectFd(fd);
	if (redis->context == NULL || redis->context->err != 0) {
		if (redis->context != NULL)
			redisFree(redis->context);
		else
			close(fd);
		redis->context = NULL;
		return failure_set(why, FAILURE_AWAY, "Redis: out of memory");
	}
	redis->context->flags &= ~REDIS_BLOCK;
	if (redis->address->tls && !redis_tls_start(redis, deadline_ms, why)) {
		redis_close(redis);
		return false;
	}
	return true;
}

/*
 * listener.c - binding and accepting.                                  [supervisor]
 *
 * Invariant: a process without free descriptors still answers probes: the oldest connection gives
 * way, and if there is none, a descriptor kept in reserve is used. An error of accept() never spins
 * the loop.
 */
#include "health/health.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "common/clock.h"
#include "common/log.h"
#include "health/connection.h"

#define LISTEN_BACKLOG 1024
/* Connections taken in one go, before those that are there get their turn. */
#define ACCEPT_BATCH 32
/* How long the listener rests when the kernel has no memory or descriptor for it. */
#define ACCEPT_PAUSE_MS      100
#define ACCEPT_LOG_PERIOD_MS 60000

struct health {
	int fd, reserve_fd;
	int port;
	struct event *acceptable, *resume;
	struct connection_set connections;
	int64_t complained_ms;
};

/* ---- binding ---- */

static int
bind_address(const struct addrinfo *address)
{
	int on = 1, off = 0, saved_errno;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* A restart must not wait for the predecessor's connections in TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0) {
		/* "::" shall mean every address, whatever bindv6only says; elsewhere it does
		 * nothing. */
		if (address->ai_family == AF_INET6)
			(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
		    listen(fd, LISTEN_BACKLOG) == 0)
			return fd;
	}
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return -1;
}

/* The first of the host's addresses that can be listened on. */
static int
bind_host(const char *host, int port, struct failure *why)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
				       .ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *addresses = NULL;
	int fd = -1, error;
	char service[16];

	snprintf(service, sizeof(service), "%d", port);
	error = getaddrinfo(host, service, &hints, &addresses);
	if (error != 0) {
		failure_set(why, FAILURE_OPERATOR,
			    "HEALTH_CHECK_HOST: \"%s\" is not an address to listen on: %s", host,
			    error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
		return -1;
	}
	for (const struct addrinfo *a = addresses; a != NULL && fd < 0; a = a->ai_next)
		fd = bind_address(a);
	if (fd < 0)
		/* A port that another program holds at the moment is no wrong setting. */
		failure_set(why, errno == EADDRINUSE ? FAILURE_AWAY : FAILURE_OPERATOR,
			    "HEALTH_CHECK_HOST, HEALTH_CHECK_PORT: cannot listen on %s port %d: %s",
			    host, port, strerror(errno));
	freeaddrinfo(addresses);
	return fd;
}

static int
bound_port(int fd)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t size = sizeof(address);
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
		return -1;
	if (address.ss_family == AF_INET6) {
		memcpy(&in6, &address, sizeof(in6));
		return ntohs(in6.sin6_port);
	}
	memcpy(&in, &address, sizeof(in));
	return ntohs(in.sin_port);
}

static int
open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

struct health *
health_listen(const char *host, int port, struct failure *why)
{
	struct health *health = calloc(1, sizeof(*health));

	if (health == NULL) {
		failure_set(why, FAILURE_AWAY, "health listener: out of memory");
		return NULL;
	}
	health->reserve_fd = -1;
	health->fd = bind_host(host, port, why);
	if (health->fd < 0) {
		free(health);
		return NULL;
	}
	health->port = bound_port(health->fd);
	health->reserve_fd = open_reserve();
	return health;
}

int
health_port(const struct health *health)
{
	return health->port;
}

int
health_fd(const struct health *health)
{
	return health->fd;
}

/* ---- accepting ---- */

static void
complain(struct health *health, int error)
{
	int64_t now_ms = clock_mono_ms();

	if (health->complained_ms != 0 && now_ms - health->complained_ms < ACCEPT_LOG_PERIOD_MS)
		return;
	health->complained_ms = now_ms;
	log_event(LOG_WARN, "health listener cannot accept connections",
		  (struct log_field[]){LOG_STR("error", strerror(error)), LOG_END});
}

static void
pause_accepting(struct health *health)
{
	const struct timeval wait = {.tv_usec = ACCEPT_PAUSE_MS * 1000};

	if (evtimer_add(health->resume, &wait) == 0)
		event_del(health->acceptable);
}

/* Makes a descriptor free for the next connection. False: there is none to be had. */
static bool
free_descriptor(struct health *health)
{
	if (health->reserve_fd >= 0) {
		close(health->reserve_fd);
		health->reserve_fd = -1;
		return true;
	}
	return connection_drop_oldest(&health->connections);
}

static bool
is_somebody_waiting(const struct health *health)
{
	struct pollfd listener = {.fd = health->fd, .events = POLLIN};

	return poll(&listener, 1, 0) > 0;
}

/* False: no further connection is to be had now. */
static bool
accept_one(struct health *health)
{
	int fd = accept4(health->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int on = 1, error = errno;

	if (fd >= 0) {
		/* Answers are one write each; a second one on the connection must not wait for an
		 * ACK. */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		connection_open(&health->connections, fd);
		return true;
	}
	switch (error) {
	case EAGAIN:
		return false;
	case EMFILE:
	case ENFILE:
		/* Linux looks for a descriptor first and for a connection then: nobody may be
		 * there. */
		if (!is_somebody_waiting(health))
			return false;
		complain(health, error);
		if (free_descriptor(health))
			return true;
		pause_accepting(health);
		return false;
	case ENOBUFS:
	case ENOMEM:
		complain(health, error);
		pause_accepting(health);
		return false;
	default:
		return true; /* that connection is gone already (accept(2), "Error handling") */
	}
}

static void
on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct health *health = arg;

	(void)fd;
	(void)what;
	if (health->reserve_fd < 0)
		health->reserve_fd = open_reserve();
	for (int i = 0; i < ACCEPT_BATCH; i++)
		if (!accept_one(health))
			break;
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct health *health = arg;

	(void)fd;
	(void)what;
	if (event_add(health->acceptable, NULL) != 0)
		pause_accepting(health);
}

bool
health_attach(struct health *health, struct event_base *base, const struct scoreboard *board,
	      struct failure *why)
{
	bool has_set = connection_set_init(&health->connections, base, board);

	health->acceptable =
		event_new(base, health->fd, EV_READ | EV_PERSIST, on_acceptable, health);
	health->resume = evtimer_new(base, on_resume, health);
	if (!has_set || health->acceptable == NULL || health->resume == NULL ||
	    event_add(health->acceptable, NULL) != 0)
		return failure_set(why, FAILURE_AWAY, "health listener: out of memory");
	return true;
}

/* ---- the end ---- */

static void
close_descriptors(struct health *health)
{
	if (health->fd >= 0)
		close(health->fd);
	if (health->reserve_fd >= 0)
		close(health->reserve_fd);
	health->fd = -1;
	health->reserve_fd = -1;
}

void
health_close_in_child(struct health *health)
{
	if (health == NULL)
		return;
	connection_set_close_in_child(&health->connections);
	close_descriptors(health);
}

void
health_free(struct health *health)
{
	if (health == NULL)
		return;
	if (health->acceptable != NULL)
		event_free(health->acceptable);
	if (health->resume != NULL)
		event_free(health->resume);
	connection_set_fini(&health->connections);
	close_descriptors(health);
	free(health);
}

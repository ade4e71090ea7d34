/*
 * distance.c - a way to a server that is as long as a real network.      [bench]
 *
 *   distance RTT_US PORT_FILE TARGET
 *
 * Listens on a free port of the loopback address, which it writes to PORT_FILE, and passes on what
 * comes to TARGET (a port of the loopback address, or the path of a unix socket) and back: all
 * bytes, in order, each half of RTT_US later. Runs until it is ended. Not a part of the service.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/un.h>
#include <time.h>

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

/* What arrived together. */
struct piece {
	STAILQ_ENTRY(piece) next;
	int64_t due_us;
	struct evbuffer *bytes; /* NULL: the other side ended */
};

/* One direction of a connection. */
struct lane {
	struct pair *pair;
	struct bufferevent *from, *to;
	struct event *timer;
	STAILQ_HEAD(, piece) pieces;
};

struct pair {
	struct lane lanes[2]; /* there, back */
};

static struct event_base *base;
static int64_t delay_us;
static struct sockaddr_storage target;
static socklen_t target_size;

static void
must(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "distance: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
free_pair(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		struct lane *lane = &pair->lanes[i];
		struct piece *piece;

		while ((piece = STAILQ_FIRST(&lane->pieces)) != NULL) {
			STAILQ_REMOVE_HEAD(&lane->pieces, next);
			if (piece->bytes != NULL)
				evbuffer_free(piece->bytes);
			free(piece);
		}
		event_free(lane->timer);
		bufferevent_free(lane->from);
	}
	free(pair);
}

static void
wait_for_first(struct lane *lane)
{
	struct piece *first = STAILQ_FIRST(&lane->pieces);
	int64_t left_us = first == NULL ? 0 : first->due_us - now_us();
	struct timeval in = {0};

	if (first == NULL)
		return;
	if (left_us > 0)
		in = (struct timeval){.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};
	must(event_add(lane->timer, &in) == 0, "timer");
}

static void
let_arrive(evutil_socket_t fd, short what, void *arg)
{
	struct lane *lane = arg;
	struct piece *piece;

	(void)fd;
	(void)what;
	while ((piece = STAILQ_FIRST(&lane->pieces)) != NULL && piece->due_us <= now_us()) {
		STAILQ_REMOVE_HEAD(&lane->pieces, next);
		if (piece->bytes == NULL) {
			free(piece);
			free_pair(lane->pair);
			return;
		}
		must(bufferevent_write_buffer(lane->to, piece->bytes) == 0, "write");
		evbuffer_free(piece->bytes);
		free(piece);
	}
	wait_for_first(lane);
}

/* bytes: owned; NULL: the end. */
static void
send_later(struct lane *lane, struct evbuffer *bytes)
{
	struct piece *piece = malloc(sizeof(*piece));
	int is_first = STAILQ_EMPTY(&lane->pieces);

	must(piece != NULL, "memory");
	*piece = (struct piece){.due_us = now_us() + delay_us, .bytes = bytes};
	STAILQ_INSERT_TAIL(&lane->pieces, piece, next);
	if (is_first)
		wait_for_first(lane);
}

static void
has_read(struct bufferevent *from, void *arg)
{
	struct evbuffer *bytes = evbuffer_new();

	must(bytes != NULL && evbuffer_add_buffer(bytes, bufferevent_get_input(from)) == 0, "read");
	send_later(arg, bytes);
}

static void
has_happened(struct bufferevent *from, short what, void *arg)
{
	struct lane *lane = arg;

	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0)
		return;
	bufferevent_disable(from, EV_READ);
	send_later(lane, NULL);
}

static void
open_lane(struct pair *pair, int number, struct bufferevent *from, struct bufferevent *to)
{
	struct lane *lane = &pair->lanes[number];

	*lane = (struct lane){.pair = pair, .from = from, .to = to};
	STAILQ_INIT(&lane->pieces);
	lane->timer = evtimer_new(base, let_arrive, lane);
	must(lane->timer != NULL, "timer");
	bufferevent_setcb(from, has_read, NULL, has_happened, lane);
	must(bufferevent_enable(from, EV_READ | EV_WRITE) == 0, "connection");
}

static void
has_accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	     int address_size, void *arg)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	struct bufferevent *near = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	struct bufferevent *far = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	int on = 1;

	(void)listener;
	(void)address;
	(void)address_size;
	(void)arg;
	must(pair != NULL && near != NULL && far != NULL, "memory");
	open_lane(pair, 0, near, far);
	open_lane(pair, 1, far, near);
	must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0, "TCP_NODELAY");
	must(bufferevent_socket_connect(far, (struct sockaddr *)&target, (int)target_size) == 0,
	     "connect");
	if (target.ss_family == AF_INET)
		must(setsockopt(bufferevent_getfd(far), IPPROTO_TCP, TCP_NODELAY, &on,
				sizeof(on)) == 0,
		     "TCP_NODELAY");
}

static void
read_target(const char *text)
{
	struct sockaddr_un *local = (struct sockaddr_un *)&target;
	struct sockaddr_in *port = (struct sockaddr_in *)&target;

	if (text[0] == '/') {
		local->sun_family = AF_UNIX;
		must(strlen(text) < sizeof(local->sun_path), "the socket's path is too long");
		snprintf(local->sun_path, sizeof(local->sun_path), "%s", text);
		target_size = sizeof(*local);
		return;
	}
	*port = (struct sockaddr_in){.sin_family = AF_INET,
				     .sin_port = htons((uint16_t)strtoul(text, NULL, 10)),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	target_size = sizeof(*port);
}

static void
tell_port(struct evconnlistener *listener, const char *path)
{
	struct sockaddr_in at = {0};
	socklen_t size = sizeof(at);
	FILE *file;

	must(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&at, &size) == 0,
	     "getsockname");
	file = fopen(path, "w");
	must(file != NULL, path);
	must(fprintf(file, "%d\n", ntohs(at.sin_port)) > 0 && fclose(file) == 0, path);
}

int
main(int argc, char **argv)
{
	const struct sockaddr_in any = {.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct event_config *config = event_config_new();
	struct evconnlistener *listener;

	if (argc != 4 || strtol(argv[1], NULL, 10) < 2) {
		fprintf(stderr, "usage: distance RTT_US PORT_FILE PORT|SOCKET\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	delay_us = strtol(argv[1], NULL, 10) / 2;
	read_target(argv[3]);
	/* Without it a timer is late by up to a millisecond. */
	must(config != NULL && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0 &&
		     (base = event_base_new_with_config(config)) != NULL,
	     "event loop");
	listener = evconnlistener_new_bind(base, has_accepted, NULL,
					   LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 256,
					   (const struct sockaddr *)&any, sizeof(any));
	must(listener != NULL, "listen");
	tell_port(listener, argv[2]);
	return event_base_dispatch(base) == 0 ? 0 : 1;
}

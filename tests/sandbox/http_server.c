/*
 * http_server.c - the listener and its connections.                    [sandbox]
 *
 * One request of a connection at a time: the next is not looked at before the last is answered. At
 * most INPUT_MAX bytes of input and OUTPUT_MAX of output are held, whatever the size of a body.
 */
#include "tests/sandbox/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "tests/sandbox/http_connection.h"

/* Above it the listener rests, so that descriptors never run out in the middle of something. */
#define CONNECTIONS_MAX 800

struct http_server {
	struct event_base *base;
	struct evconnlistener *listener;
	const struct http_handler *handler;
	struct connection_list connections;
	size_t count;
};

static void
accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
	 void *context)
{
	struct http_server *server = context;
	int on = 1;

	(void)address;
	(void)length;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	connection_open(server, server->base, server->handler, fd, &server->connections);
	if (++server->count >= CONNECTIONS_MAX)
		(void)evconnlistener_disable(listener);
}

static void
accept_failed(struct evconnlistener *listener, void *context)
{
	(void)listener;
	(void)context;
	fprintf(stderr, "deviantart-sandbox: accept: %s\n", strerror(EVUTIL_SOCKET_ERROR()));
}

void
http_server_connection_gone(struct http_server *server)
{
	if (server->count-- >= CONNECTIONS_MAX)
		(void)evconnlistener_enable(server->listener);
}

static bool
bound_port(struct evconnlistener *listener, uint16_t *port)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	memset(&address, 0, sizeof(address));
	if (getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length) != 0)
		return false;
	*port = ntohs(address.sin_port);
	return true;
}

struct http_server *
http_server_new(struct event_base *base, uint16_t port, const struct http_handler *handler,
		uint16_t *bound)
{
	struct http_server *server = memory_alloc(sizeof(*server));
	struct sockaddr_in address;

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(port);
	server->base = base;
	server->handler = handler;
	LIST_INIT(&server->connections);
	server->listener = evconnlistener_new_bind(
		base, accepted, server,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 256,
		(struct sockaddr *)&address, sizeof(address));
	if (server->listener == NULL || !bound_port(server->listener, bound)) {
		fprintf(stderr, "deviantart-sandbox: cannot listen on 127.0.0.1:%u: %s\n", port,
			strerror(errno));
		http_server_free(server);
		return NULL;
	}
	evconnlistener_set_error_cb(server->listener, accept_failed);
	return server;
}

void
http_server_free(struct http_server *server)
{
	struct connection *connection, *next;

	if (server == NULL)
		return;
	for (connection = LIST_FIRST(&server->connections); connection != NULL; connection = next) {
		next = connection_next(connection);
		connection_abandon(connection);
	}
	if (server->listener != NULL)
		evconnlistener_free(server->listener);
	free(server);
}

size_t
http_server_connections(const struct http_server *server)
{
	return server != NULL ? server->count : 0;
}

void
answer_init(struct answer *answer, int status)
{
	memset(answer, 0, sizeof(*answer));
	answer->status = status;
	answer->file = -1;
}

#ifndef SANDBOX_HTTP_CONNECTION_H
#define SANDBOX_HTTP_CONNECTION_H
/*
 * http_connection.h - one accepted connection; only http_server.c uses this. [sandbox]
 */
#include <sys/queue.h>

#include "tests/sandbox/http_server.h"

struct connection;
LIST_HEAD(connection_list, connection);

/* Takes the descriptor over and puts the connection in the list. */
void connection_open(struct http_server *server, struct event_base *base,
		     const struct http_handler *handler, int fd, struct connection_list *list);

struct connection *connection_next(struct connection *connection);

/* Closes it; its exchange is told that the client is gone, or freed if it was being answered. */
void connection_abandon(struct connection *connection);

/* Called by a connection that is no more. */
void http_server_connection_gone(struct http_server *server);

#endif

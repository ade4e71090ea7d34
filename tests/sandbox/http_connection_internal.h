#ifndef SANDBOX_HTTP_CONNECTION_INTERNAL_H
#define SANDBOX_HTTP_CONNECTION_INTERNAL_H
/*
 * http_connection_internal.h - what http_connection.c and http_exchange.c share. [sandbox]
 */
#include "tests/sandbox/http_answer.h"
#include "tests/sandbox/http_connection.h"

struct bufferevent;
struct event;

#define STALLED_LOOK_MS 100

enum connection_state {
	READING,   /* a request, or waiting for one */
	WORKING,   /* the request is complete, the answer is not there yet */
	SENDING,   /* the answer */
	LINGERING, /* all is said; what still comes is thrown away, or an RST eats the answer */
};

struct exchange {
	struct connection *connection; /* NULL: the client is gone */
	const struct http_handler *handler;
	const struct http_request *request; /* the parser's */
	struct http_parser *own_parser;     /* the connection's, inherited when the client went */
	void *data;
	bool complete;
	bool continued;
};

struct connection {
	LIST_ENTRY(connection) entry;
	struct http_server *server;
	const struct http_handler *handler;
	struct bufferevent *bev;
	struct event *timer; /* of slow answers, of lingering, of watching a stalled client */
	struct http_parser *parser;
	struct exchange *exchange;
	struct answer answer;
	struct answer_cursor cursor;
	enum connection_state state;
	unsigned depth; /* of our callbacks on the stack */
	bool stalled;
	bool dead;
};

/* Around every callback: the connection is freed when the outermost one leaves a dead one. */
void connection_enter(struct connection *connection);
void connection_leave(struct connection *connection);

/* Nothing more is read or written; its exchange goes on without it, or is freed. */
void connection_die(struct connection *connection);
void connection_set_timer(struct connection *connection, int64_t delay_ms);

/* Writes as much of the answer as fits. */
void connection_pump(struct connection *connection);

/* The exchange of the request whose header section was read; its handler is told. */
void exchange_begin(struct connection *connection);
void exchange_free(struct exchange *exchange);

/* The exchange goes on without its client; the request's memory goes with it. */
void exchange_orphan(struct exchange *exchange);

#endif

#ifndef SANDBOX_HTTP_SERVER_H
#define SANDBOX_HTTP_SERVER_H
/*
 * http_server.h - connections, and the exchange of one request for one answer. [sandbox]
 *
 * An exchange outlives its connection: a server whose client is gone still does what it was asked.
 * Whoever handles an exchange ends it exactly once, by exchange_answer() or one of its neighbours.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sandbox/http_request.h"

struct event_base;
struct http_server;
struct exchange;

/* What is sent: from memory, or from a file. To be made with answer_init(), gone with
 * answer_fini(). */
struct answer {
	int status;
	struct http_headers headers; /* Content-Length, Connection are the server's */
	char *body;                  /* owned; NULL: from file, or none */
	int file;                    /* owned; -1: none */
	uint64_t file_offset;
	uint64_t length;      /* of the body */
	uint64_t send_length; /* as much of it goes out; less than `length`: the answer is cut */
	bool cut_headers;     /* the connection closes in the middle of the header section */
	bool chunked;
	bool close;         /* the connection is not kept */
	size_t slice_bytes; /* above 0: this many bytes of the body... */
	int slice_ms;       /* ...each so many ms */
};

void answer_init(struct answer *answer, int status);
void answer_fini(struct answer *answer);

/* A body in memory, with its type; the text is taken over. */
void answer_take_body(struct answer *answer, const char *type, char *body, size_t length);

struct http_handler {
	void *context;
	/* The header section is there. The handler may end the exchange at once. */
	void (*headers)(void *context, struct exchange *exchange);
	void (*body)(void *context, struct exchange *exchange, const char *data, size_t length);
	/* The whole request is there. */
	void (*complete)(void *context, struct exchange *exchange);
	/* The client is gone. The exchange must still be ended. */
	void (*gone)(void *context, struct exchange *exchange);
	/* The exchange is about to be freed: so should its data. */
	void (*release)(void *context, struct exchange *exchange);
};

/*
 * Listens on 127.0.0.1:port (0: a free one, told in *bound). NULL, and a message on standard error,
 * if that fails. The handler must outlive the server.
 */
struct http_server *http_server_new(struct event_base *base, uint16_t port,
				    const struct http_handler *handler, uint16_t *bound);

/* Closes everything; every exchange is released. */
void http_server_free(struct http_server *server);
size_t http_server_connections(const struct http_server *server);

const struct http_request *exchange_request(const struct exchange *exchange);
void exchange_set_data(struct exchange *exchange, void *data);
void *exchange_data(const struct exchange *exchange);
bool exchange_is_complete(const struct exchange *exchange);
bool exchange_client_gone(const struct exchange *exchange);

/* Sends "100 Continue" if the client waits for it. */
void exchange_continue(struct exchange *exchange);

/* Reads no more of the request; the client's end is still noticed. Not to be undone. */
void exchange_stall(struct exchange *exchange);
/* The same, and the kernel drops what comes from the client, its end too, unacknowledged: as if the
 * way were gone. */
void exchange_deafen(struct exchange *exchange);

/* The three ends. The answer is emptied; with the client gone, nothing is sent. */
void exchange_answer(struct exchange *exchange, struct answer *answer);
void exchange_reset(struct exchange *exchange); /* RST */
void exchange_close(struct exchange *exchange); /* FIN, without any byte */

#endif

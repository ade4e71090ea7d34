#ifndef SANDBOX_HTTP_REQUEST_H
#define SANDBOX_HTTP_REQUEST_H
/*
 * http_request.h - an HTTP/1.1 request, read piece by piece (RFC 9112). [sandbox]
 *
 * The parser knows no sockets: it is fed bytes and tells events. Bodies are passed on, never kept.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sandbox/memory.h"

struct http_header {
	char *name;  /* as sent */
	char *value; /* without blanks around it */
};

struct http_headers {
	struct http_header *list;
	size_t count;
};

void http_headers_add(struct http_headers *headers, const char *name, const char *value);
void http_headers_free(struct http_headers *headers);

/* The first value under the name, in any case, or NULL. */
const char *http_headers_get(const struct http_headers *headers, const char *name);

struct http_request {
	char *method;
	char *raw_path; /* as sent, without the query */
	char *path;     /* decoded */
	char *query;    /* as sent, "" if there is none */
	struct http_headers headers;
	bool http_1_0;
	bool keep_alive;
	bool expects_continue;
	bool has_body; /* a body follows: chunked, or a length above 0 */
	bool chunked;
	uint64_t content_length; /* 0 if chunked */
};

enum http_event {
	HTTP_EVENT_MORE,    /* everything is consumed, more is needed */
	HTTP_EVENT_HEADERS, /* request is filled */
	HTTP_EVENT_BODY,    /* *body has some of it */
	HTTP_EVENT_END,     /* the request is complete */
	HTTP_EVENT_BAD,     /* error_status and error tell why; the connection is of no use */
};

struct http_parser {
	struct http_request request;
	struct buffer line;
	size_t header_bytes;
	uint64_t left; /* of the body, or of the chunk */
	int state;
	int error_status;
	const char *error;
};

struct http_slice {
	const char *data;
	size_t length;
};

void http_parser_init(struct http_parser *parser);
void http_parser_fini(struct http_parser *parser);

/* Forgets the request; the next one may be read. */
void http_parser_next_request(struct http_parser *parser);

/*
 * Reads at most `length` bytes up to the next event, and returns how many. *body points into
 * `data`. HEADERS and END may consume nothing more than what belongs to them.
 */
size_t http_parser_read(struct http_parser *parser, const char *data, size_t length,
			enum http_event *event, struct http_slice *body);

#endif

#ifndef HEALTH_HTTP_REQUEST_H
#define HEALTH_HTTP_REQUEST_H
/*
 * http_request.h - the head of one HTTP request, byte by byte.         [supervisor]
 *
 * RFC 9110 and 9112 as far as a server without bodies needs them. Pure and incremental: it may be
 * fed in pieces of any size, reads every byte once and allocates nothing. Where senders and proxies
 * could disagree about the end of a request (obs-fold, a space before the colon, differing
 * Content-Lengths, a bare CR) it is refused, so that nothing can be smuggled.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All lines of a head together, line ends included (contract.md "Health listener"). */
#define HTTP_HEAD_LIMIT 8192
/* A longer path is none that we know. */
#define HTTP_PATH_SIZE 32

enum http_progress {
	HTTP_MORE, /* the head is not complete */
	HTTP_DONE,
	HTTP_BAD /* `status` says why; the connection cannot be used any further */
};

enum http_method {
	HTTP_UNKNOWN, /* a token that is no method of RFC 9110, 9 or 5789: answer 501 */
	HTTP_GET,
	HTTP_HEAD,
	HTTP_OTHER /* POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH */
};

struct http_request {
	enum http_progress progress;
	int status; /* when HTTP_BAD: 400, 414, 431 or 505 */
	enum http_method method;
	char path[HTTP_PATH_SIZE]; /* without the query; "" when too long or not a path ("*") */
	bool keep_alive;           /* what the client wants */
	bool has_body;             /* announced; it was not read */
	bool started;              /* something other than empty lines was received */

	/* Private. */
	bool has_request_line, has_host, has_length, has_coding;
	int minor_version;
	uint64_t length;
	size_t head_size, line_size;
	char line[HTTP_HEAD_LIMIT + 1];
};

/* For a new connection, and for the next request of a connection that is kept alive. */
void http_request_init(struct http_request *request);

/*
 * Takes up to `size` bytes and returns how many it used. It stops behind the end of the head
 * (HTTP_DONE): what follows belongs to the next request. After HTTP_DONE or HTTP_BAD it takes
 * nothing.
 */
size_t http_request_feed(struct http_request *request, const char *data, size_t size);

#endif

#ifndef SANDBOX_HTTP_ANSWER_H
#define SANDBOX_HTTP_ANSWER_H
/*
 * http_answer.h - how an answer becomes bytes; only http_connection.c uses this. [sandbox]
 */
#include "tests/sandbox/http_server.h"

struct evbuffer;

/* How far an answer has got. */
struct answer_cursor {
	uint64_t sent; /* of the body */
	bool head;     /* no body goes out */
	bool ended;    /* nothing is left to write */
};

/* If less goes out than the header section promises. */
bool answer_is_cut(const struct answer *answer);

void answer_write_headers(const struct answer *answer, bool cut, struct evbuffer *out);

/* Writes the header section, or the first half of it. */
void answer_begin(const struct answer *answer, struct answer_cursor *cursor, bool head,
		  struct evbuffer *out);

/* Writes the next piece of the body. False if its file cannot be read. */
bool answer_write(const struct answer *answer, struct answer_cursor *cursor, struct evbuffer *out);

#endif

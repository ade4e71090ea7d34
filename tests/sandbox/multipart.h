#ifndef SANDBOX_MULTIPART_H
#define SANDBOX_MULTIPART_H
/*
 * multipart.h - multipart/form-data, read piece by piece (RFC 7578, RFC 2046 5.1). [sandbox]
 *
 * A part's content goes to the sink as it comes; nothing but a boundary that might begin is held
 * back.
 */
#include <stdbool.h>
#include <stddef.h>

struct multipart;

struct multipart_part {
	const char *name;         /* never NULL; "" if the part has none */
	const char *filename;     /* as sent; NULL: the header names no file */
	const char *content_type; /* NULL: the header names none */
};

/* Each may refuse by returning a reason, which becomes the body's error; NULL: go on. */
struct multipart_sink {
	void *context;
	const char *(*begin)(void *context, const struct multipart_part *part);
	const char *(*data)(void *context, const char *data, size_t length);
	const char *(*end)(void *context);
};

/* NULL if the Content-Type is not multipart/form-data with a boundary of 1 to 70 characters. */
struct multipart *multipart_new(const char *content_type, const struct multipart_sink *sink);
void multipart_free(struct multipart *multipart);

/* False after an error; multipart_error() tells it. */
bool multipart_feed(struct multipart *multipart, const char *data, size_t length);

/* The body is over. False if it ended before its last boundary, or after an error. */
bool multipart_finish(struct multipart *multipart);

/* Static or the sink's; "" if there is none. */
const char *multipart_error(const struct multipart *multipart);

#endif

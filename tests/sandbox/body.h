#ifndef SANDBOX_BODY_H
#define SANDBOX_BODY_H
/*
 * body.h - what a request brings: fields, and at most one file that is counted, not kept. [sandbox]
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sandbox/digest.h"
#include "tests/sandbox/fields.h"
#include "tests/sandbox/memory.h"

struct multipart;

#define UPLOAD_HEAD_BYTES 8192

struct upload {
	bool present;
	char *field_name;
	char *filename; /* NULL: the part has none, which the site answers with 500 */
	char *mime;
	uint64_t size_bytes;
	char sha256[DIGEST_HEX_BYTES]; /* once the part has ended */
	struct digest *digest;
	unsigned char head[UPLOAD_HEAD_BYTES]; /* its first bytes, for the image's size */
	size_t head_length;
};

enum body_kind {
	BODY_IGNORED, /* counted and thrown away: JSON, and what no endpoint wants */
	BODY_FORM,
	BODY_MULTIPART,
	BODY_RAW, /* kept as it is: the control interface */
};

struct body {
	enum body_kind kind;
	uint64_t received_bytes;
	struct buffer raw;
	struct multipart *multipart;
	struct fields fields;
	struct upload *upload; /* NULL unless multipart */
	char *part_name;       /* of the field that is being read */
	struct buffer part;
	bool in_file;
	const char *error; /* static; NULL: none so far */
	/* Told when the fields before the file are there and the file begins. */
	void (*file_begins)(void *context);
	void *context;
};

/* `raw`: keep it, whatever its type. Else the Content-Type (NULL: none) decides. */
void body_init(struct body *body, const char *content_type, bool raw);
void body_fini(struct body *body);
void body_feed(struct body *body, const char *data, size_t length);

/* The body is complete; fields are final. Errors are in body->error. */
void body_finish(struct body *body);

#endif

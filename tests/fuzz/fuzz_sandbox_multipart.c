/*
 * fuzz_sandbox_multipart.c - the sandbox's reader of multipart/form-data.   [tests]
 *
 * Input: the Content-Type, "---", the body (bare newlines become CR LF). Holds: fed whole, byte by
 * byte or in pieces it tells the same parts or the same error; a body that is finished was well
 * formed; what we write ourselves with the boundary is read back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/multipart.h"

#define BOUNDARY "Zq9Boundary"

/* Everything that a reader told, as one text. */
struct story {
	struct buffer told;
	bool in_part;
};

static const char *
begin_part(void *context, const struct multipart_part *part)
{
	struct story *story = context;

	FUZZ_CHECK(!story->in_part && part->name != NULL);
	story->in_part = true;
	(void)buffer_add_format(&story->told, "<%s|%s|%s>", part->name,
				part->filename != NULL ? part->filename : "\x01",
				part->content_type != NULL ? part->content_type : "\x01");
	return NULL;
}

static const char *
take_data(void *context, const char *data, size_t length)
{
	struct story *story = context;

	FUZZ_CHECK(story->in_part);
	(void)buffer_add(&story->told, data, length);
	return NULL;
}

static const char *
end_part(void *context)
{
	struct story *story = context;

	FUZZ_CHECK(story->in_part);
	story->in_part = false;
	(void)buffer_add_text(&story->told, "<end>");
	return NULL;
}

/* Reads it all; true: it was finished well. *error: the reader's, "" if none. */
static bool
read_all(const char *type, const char *body, size_t size, size_t piece, struct story *story,
	 char error[256])
{
	const struct multipart_sink sink = {story, begin_part, take_data, end_part};
	struct multipart *multipart = multipart_new(type, &sink);
	bool ok = true;

	buffer_init(&story->told, 1 << 22);
	story->in_part = false;
	error[0] = '\0';
	if (multipart == NULL)
		return false;
	for (size_t at = 0; ok && at < size; at += piece)
		ok = multipart_feed(multipart, body + at, size - at < piece ? size - at : piece);
	ok = multipart_finish(multipart) && ok;
	FUZZ_CHECK(ok || multipart_error(multipart)[0] != '\0');
	(void)snprintf(error, 256, "%s", multipart_error(multipart));
	FUZZ_CHECK(!ok || !story->in_part);
	multipart_free(multipart);
	return ok;
}

static void
try_pieces(const char *type, const char *body, size_t size)
{
	static const size_t sizes[] = {1, 7, 4096};
	struct story whole, pieces;
	char error[256], other[256];
	bool ok = read_all(type, body, size, size + 1, &whole, error);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		FUZZ_CHECK(read_all(type, body, size, sizes[i], &pieces, other) == ok);
		FUZZ_CHECK(strcmp(error, other) == 0);
		if (ok)
			FUZZ_CHECK(whole.told.length == pieces.told.length &&
				   memcmp(whole.told.data, pieces.told.data, whole.told.length) ==
					   0);
		buffer_free(&pieces.told);
	}
	buffer_free(&whole.told);
}

/* One part with this content, which does not hold the boundary. */
static void
try_round_trip(const char *content, size_t size)
{
	static const char head[] =
		"--" BOUNDARY
		"\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n"
		"Content-Type: image/png\r\n\r\n";
	static const char tail[] = "\r\n--" BOUNDARY "--\r\n";
	struct buffer body;
	struct story story;
	char error[256];

	if (memmem(content, size, BOUNDARY, strlen(BOUNDARY)) != NULL)
		return;
	buffer_init(&body, 1 << 22);
	(void)buffer_add(&body, head, sizeof(head) - 1);
	(void)buffer_add(&body, content, size);
	(void)buffer_add(&body, tail, sizeof(tail) - 1);
	FUZZ_CHECK(read_all("multipart/form-data; boundary=" BOUNDARY, body.data, body.length, 13,
			    &story, error));
	FUZZ_CHECK(story.told.length == strlen("<file|a|image/png><end>") + size);
	FUZZ_CHECK(memcmp(story.told.data + strlen("<file|a|image/png>"), content, size) == 0);
	buffer_free(&story.told);
	buffer_free(&body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size};
	size_t body_size, wire_size;
	char *type = fuzz_part(&input, NULL), *body = fuzz_part(&input, &body_size);
	char *wire = fuzz_crlf(body, body_size, &wire_size);

	try_pieces(type, wire, wire_size);
	try_round_trip(body, body_size);
	free(type);
	free(body);
	free(wire);
	return 0;
}

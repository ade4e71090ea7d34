/*
 * answers.c - the shapes in which the site answers.                    [sandbox]
 */
#include "tests/sandbox/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <cjson/cJSON.h>
#define ZLIB_CONST /* zlib then promises not to change its input */
#include <zlib.h>

#include "tests/sandbox/json.h"
#include "tests/sandbox/memory.h"

#define JSON_TYPE "application/json"

void
answer_json(struct answer *answer, int status, struct cJSON *json)
{
	char *text = json_print(json);

	answer_init(answer, status);
	answer_take_body(answer, JSON_TYPE, text, strlen(text));
	cJSON_Delete(json);
}

void
answer_text(struct answer *answer, int status, const char *type, const char *text)
{
	answer_init(answer, status);
	answer_take_body(answer, type, memory_text(text), strlen(text));
}

static cJSON *
error_json(const char *error, const char *description)
{
	cJSON *json = cJSON_CreateObject();

	json_add_text(json, "error", error);
	json_add_text(json, "error_description", description);
	json_add_text(json, "status", "error");
	return json;
}

void
answer_error(struct answer *answer, int status, const char *error, const char *description)
{
	answer_json(answer, status, error_json(error, description));
}

void
answer_error_code(struct answer *answer, int error_code, const char *description)
{
	cJSON *json = error_json("invalid_request", description);

	json_add_integer(json, "error_code", error_code);
	answer_json(answer, 400, json);
}

void
answer_invalid(struct answer *answer, const char *field, const char *message)
{
	cJSON *json = error_json("invalid_request", "Request field validation failed.");
	cJSON *details = cJSON_AddObjectToObject(json, "error_details");

	json_add_text(details, field, message);
	answer_json(answer, 400, json);
}

void
answer_cdn_block(struct answer *answer)
{
	answer_text(
		answer, 403, "text/html",
		"<!DOCTYPE html>\n<html><head><title>ERROR: The request could not be "
		"satisfied</title></head>\n<body><h1>403 ERROR</h1><h2>The request could not be "
		"satisfied.</h2>\n<p>Request blocked. We can't connect to the server for this app "
		"or website at this time.</p></body></html>\n");
}

static void
must(bool done)
{
	if (!done) {
		fputs("deviantart-sandbox: zlib cannot compress\n", stderr);
		exit(EX_SOFTWARE);
	}
}

/* gzip of `body`, `times` over. */
static void
deflate_times(struct answer *answer, const char *body, size_t length, size_t times)
{
	struct buffer packed;
	unsigned char piece[16384];
	z_stream stream;
	size_t size;

	memset(&stream, 0, sizeof(stream));
	buffer_init(&packed, SIZE_MAX / 2);
	/* 16 + 15: a gzip header, and the usual window */
	must(deflateInit2(&stream, 6, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	for (size_t i = 0; i < times; i++) {
		int flush = i + 1 == times ? Z_FINISH : Z_NO_FLUSH;

		stream.next_in = (z_const Bytef *)body;
		stream.avail_in = (uInt)length;
		do {
			stream.next_out = piece;
			stream.avail_out = sizeof(piece);
			must(deflate(&stream, flush) != Z_STREAM_ERROR);
			(void)buffer_add(&packed, piece, sizeof(piece) - stream.avail_out);
		} while (stream.avail_out == 0);
	}
	(void)deflateEnd(&stream);
	size = packed.length;
	answer_take_body(answer, NULL, buffer_take(&packed), size);
	http_headers_add(&answer->headers, "Content-Encoding", "gzip");
	buffer_free(&packed);
}

void
answer_compress(struct answer *answer)
{
	char *plain = answer->body;

	if (plain == NULL || http_headers_get(&answer->headers, "Content-Encoding") != NULL)
		return;
	answer->body = NULL;
	deflate_times(answer, plain, (size_t)answer->length, 1);
	free(plain);
}

void
answer_pad(struct answer *answer, size_t blanks)
{
	char *padded;

	if (answer->body == NULL || blanks == 0)
		return;
	padded = memory_format("%*s%s", (int)blanks, "", answer->body);
	answer_take_body(answer, NULL, padded, strlen(padded));
}

void
answer_bomb(struct answer *answer, size_t megabytes)
{
	size_t size = 1048576;
	char *blanks = memory_alloc(size);

	memset(blanks, ' ', size);
	answer_init(answer, 200);
	http_headers_add(&answer->headers, "Content-Type", JSON_TYPE);
	deflate_times(answer, blanks, size, megabytes > 0 ? megabytes : 1);
	free(blanks);
}

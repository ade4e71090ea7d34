/*
 * fuzz_sandbox_request.c - the sandbox's reader of HTTP requests, and its check of AWS signatures.
 * [tests]
 *
 * Input: the request as over the wire (bare newlines become CR LF). Holds: fed whole or in pieces
 * it tells the same; no request verifies under a key that did not sign it; signed by our own hand
 * it verifies, and with another signature it does not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tests/sandbox/http_request.h"
#include "tests/sandbox/sigv4.h"
#include "tests/sandbox/sigv4_sign.h"

#define NOW   INT64_C(1369353600)
#define DATE  "20130524T000000Z"
#define SCOPE "20130524/us-east-1/s3/aws4_request"

static const struct sigv4_keys keys = {"AKIAIOSFODNN7EXAMPLE", "a secret key", "us-east-1", "s3"};

/* Headers of the first request, then what its body came to. */
struct story {
	enum http_event last;
	int error_status;
	struct buffer told;
};

static void
tell(struct story *story, const struct http_request *request)
{
	(void)buffer_add_format(&story->told, "%s %s ? %s\n", request->method, request->path,
				request->query);
	for (size_t i = 0; i < request->headers.count; i++)
		(void)buffer_add_format(&story->told, "%s: %s\n", request->headers.list[i].name,
					request->headers.list[i].value);
}

static void
read_request(const char *wire, size_t size, size_t piece, struct story *story)
{
	struct http_parser parser;
	struct http_slice body;
	size_t at = 0;

	http_parser_init(&parser);
	buffer_init(&story->told, 1 << 22);
	story->last = HTTP_EVENT_MORE;
	story->error_status = 0;
	while (story->last != HTTP_EVENT_BAD && story->last != HTTP_EVENT_END) {
		size_t want = size - at < piece ? size - at : piece;
		size_t took = http_parser_read(&parser, wire + at, want, &story->last, &body);

		FUZZ_CHECK(took <= want);
		at += took;
		if (story->last == HTTP_EVENT_HEADERS)
			tell(story, &parser.request);
		if (story->last == HTTP_EVENT_BODY)
			(void)buffer_add(&story->told, body.data, body.length);
		if (story->last == HTTP_EVENT_BAD)
			story->error_status = parser.error_status;
		if (story->last == HTTP_EVENT_MORE && at == size)
			break;
	}
	FUZZ_CHECK(story->last != HTTP_EVENT_BAD ||
		   (story->error_status >= 400 && parser.error != NULL));
	http_parser_fini(&parser);
}

static void
try_pieces(const char *wire, size_t size)
{
	static const size_t sizes[] = {1, 11};
	struct story whole, pieces;

	read_request(wire, size, size + 1, &whole);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		read_request(wire, size, sizes[i], &pieces);
		FUZZ_CHECK(whole.last == pieces.last && whole.error_status == pieces.error_status);
		FUZZ_CHECK(whole.told.length == pieces.told.length &&
			   memcmp(whole.told.data, pieces.told.data, whole.told.length) == 0);
		buffer_free(&pieces.told);
	}
	buffer_free(&whole.told);
}

static enum sigv4_result
verify(const struct http_request *request)
{
	struct sigv4_verdict verdict;
	enum sigv4_result result;

	sigv4_verify(request, &keys, NOW, &verdict);
	result = verdict.result;
	FUZZ_CHECK(result == SIGV4_GOOD || verdict.detail != NULL);
	sigv4_verdict_fini(&verdict);
	return result;
}

static void
add_signature(struct http_request *request, const char *signature)
{
	char header[512];

	(void)snprintf(header, sizeof(header),
		       "AWS4-HMAC-SHA256 Credential=%s/" SCOPE
		       ",SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=%s",
		       keys.access_key, signature);
	http_headers_add(&request->headers, "Authorization", header);
}

/* The request with headers of our own and no other that has to be signed. */
static void
try_signature(struct http_request *request)
{
	char signature[65], *canonical, *text;
	struct http_header *last;

	http_headers_free(&request->headers);
	http_headers_add(&request->headers, "Host", "bucket.example");
	http_headers_add(&request->headers, "x-amz-date", DATE);
	http_headers_add(&request->headers, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
	canonical = sigv4_canonical_request(request, "host;x-amz-content-sha256;x-amz-date",
					    "UNSIGNED-PAYLOAD");
	text = sigv4_string_to_sign(canonical, DATE, SCOPE);
	sigv4_signature(keys.secret_key, SCOPE, text, signature);
	add_signature(request, signature);
	FUZZ_CHECK(verify(request) == SIGV4_GOOD);
	last = &request->headers.list[request->headers.count - 1];
	last->value[strlen(last->value) - 1] ^= 1; /* another digit */
	FUZZ_CHECK(verify(request) != SIGV4_GOOD);
	free(canonical);
	free(text);
}

static void
try_sigv4(const char *wire, size_t size)
{
	struct http_parser parser;
	struct http_slice body;
	enum http_event event;

	http_parser_init(&parser);
	(void)http_parser_read(&parser, wire, size, &event, &body);
	if (event == HTTP_EVENT_HEADERS) {
		FUZZ_CHECK(verify(&parser.request) != SIGV4_GOOD);
		try_signature(&parser.request);
	}
	http_parser_fini(&parser);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t wire_size;
	char *wire = fuzz_crlf((const char *)data, size, &wire_size);

	try_pieces(wire, wire_size);
	try_sigv4(wire, wire_size);
	free(wire);
	return 0;
}

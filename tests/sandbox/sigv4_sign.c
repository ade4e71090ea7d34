/*
 * sigv4_sign.c - the calculations of the AWS signature (version 4).    [sandbox]
 */
#include "tests/sandbox/sigv4_sign.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/digest.h"
#include "tests/sandbox/http_request.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/text.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define UNLIMITED (SIZE_MAX / 2)

static void
add_canonical_path(struct buffer *out, const char *raw_path)
{
	struct buffer path;

	buffer_init(&path, UNLIMITED);
	(void)text_percent_decode(&path, raw_path, strlen(raw_path), false);
	text_percent_encode(out, path.data, path.length, true);
	buffer_free(&path);
}

static int
by_text(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

/* name=value, both encoded, sorted. "+" is a plus here, not a blank. */
static char *
canonical_pair(const char *pair, size_t length)
{
	const char *equals = memchr(pair, '=', length);
	size_t name_length = equals != NULL ? (size_t)(equals - pair) : length;
	struct buffer plain, out;
	char *text;

	buffer_init(&plain, UNLIMITED);
	buffer_init(&out, UNLIMITED);
	(void)text_percent_decode(&plain, pair, name_length, false);
	text_percent_encode(&out, plain.data, plain.length, false);
	(void)buffer_add_text(&out, "=");
	buffer_clear(&plain);
	if (equals != NULL)
		(void)text_percent_decode(&plain, equals + 1, length - name_length - 1, false);
	text_percent_encode(&out, plain.data, plain.length, false);
	text = buffer_take(&out);
	buffer_free(&out);
	buffer_free(&plain);
	return text;
}

static void
add_canonical_query(struct buffer *out, const char *query)
{
	char **pairs = NULL;
	size_t count = 0;

	while (*query != '\0') {
		size_t length = strcspn(query, "&");

		if (length > 0) {
			pairs = memory_grow(pairs, (count + 1) * sizeof(*pairs));
			pairs[count++] = canonical_pair(query, length);
		}
		query += length + (query[length] == '&');
	}
	if (count > 0)
		qsort(pairs, count, sizeof(*pairs), by_text);
	for (size_t i = 0; i < count; i++) {
		(void)buffer_add_format(out, "%s%s", i > 0 ? "&" : "", pairs[i]);
		free(pairs[i]);
	}
	free(pairs);
}

/* The values of all headers of that name, joined by commas, runs of blanks made one. */
static bool
add_header_values(struct buffer *out, const struct http_headers *headers, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < headers->count; i++) {
		if (strcasecmp(headers->list[i].name, name) != 0)
			continue;
		if (found)
			(void)buffer_add_text(out, ",");
		found = true;
		for (const char *c = headers->list[i].value; *c != '\0'; c++)
			if (*c != ' ' || c[1] != ' ')
				(void)buffer_add(out, c, 1);
	}
	return found;
}

bool
sigv4_each_name(const char *signed_headers, bool (*visit)(const char *name, void *context),
		void *context)
{
	bool go_on = true;

	while (go_on && *signed_headers != '\0') {
		size_t length = strcspn(signed_headers, ";");
		char *name = memory_text_n(signed_headers, length);

		go_on = visit(name, context);
		free(name);
		signed_headers += length + (signed_headers[length] == ';');
	}
	return go_on;
}

struct header_lines {
	const struct http_headers *headers;
	struct buffer *out;
};

static bool
add_header_line(const char *name, void *context)
{
	struct header_lines *lines = context;

	(void)buffer_add_format(lines->out, "%s:", name);
	(void)add_header_values(lines->out, lines->headers, name);
	(void)buffer_add_text(lines->out, "\n");
	return true;
}

char *
sigv4_canonical_request(const struct http_request *request, const char *signed_headers,
			const char *payload_hash)
{
	struct buffer out;
	struct header_lines lines = {&request->headers, &out};
	char *text;

	buffer_init(&out, UNLIMITED);
	(void)buffer_add_format(&out, "%s\n", request->method);
	add_canonical_path(&out, request->raw_path);
	(void)buffer_add_text(&out, "\n");
	add_canonical_query(&out, request->query);
	(void)buffer_add_text(&out, "\n");
	(void)sigv4_each_name(signed_headers, add_header_line, &lines);
	(void)buffer_add_format(&out, "\n%s\n%s", signed_headers, payload_hash);
	text = buffer_take(&out);
	buffer_free(&out);
	return text;
}

char *
sigv4_string_to_sign(const char *canonical_request, const char *amz_date, const char *scope)
{
	char hash[DIGEST_HEX_BYTES];

	digest_of(canonical_request, strlen(canonical_request), hash);
	return memory_format(ALGORITHM "\n%s\n%s\n%s", amz_date, scope, hash);
}

void
sigv4_signature(const char *secret_key, const char *scope, const char *string_to_sign,
		char signature[65])
{
	unsigned char key[DIGEST_BYTES];
	char *first = memory_format("AWS4%s", secret_key);
	const void *with = first;
	size_t with_length = strlen(first);

	/* date, region, service, "aws4_request": each keyed by the one before */
	while (*scope != '\0') {
		size_t length = strcspn(scope, "/");
		char *part = memory_text_n(scope, length);

		digest_hmac(key, with, with_length, part);
		with = key;
		with_length = sizeof(key);
		free(part);
		scope += length + (scope[length] == '/');
	}
	digest_hmac(key, with, with_length, string_to_sign);
	text_hex(signature, key, sizeof(key));
	free(first);
}

/*
 * http_request.c - an HTTP/1.1 request, read piece by piece (RFC 9112). [sandbox]
 *
 * Strict where a client's fault would otherwise pass unseen: two lengths, a folded header, a blank
 * before the colon are refused.
 */
#include "tests/sandbox/http_request.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/sandbox/text.h"

#define HEADER_SECTION_MAX 32768
#define HEADERS_MAX        200

enum parser_state {
	AT_REQUEST_LINE,
	AT_HEADERS,
	AT_BODY,
	AT_CHUNK_SIZE,
	AT_CHUNK_DATA,
	AT_CHUNK_END,
	AT_TRAILER,
	AT_END,
	AT_ERROR,
};

void
http_headers_add(struct http_headers *headers, const char *name, const char *value)
{
	struct http_header *header;

	headers->list = memory_grow(headers->list, (headers->count + 1) * sizeof(*headers->list));
	header = &headers->list[headers->count++];
	header->name = memory_text(name);
	header->value = memory_text(value);
}

void
http_headers_free(struct http_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		free(headers->list[i].name);
		free(headers->list[i].value);
	}
	free(headers->list);
	memset(headers, 0, sizeof(*headers));
}

const char *
http_headers_get(const struct http_headers *headers, const char *name)
{
	for (size_t i = 0; i < headers->count; i++)
		if (strcasecmp(headers->list[i].name, name) == 0)
			return headers->list[i].value;
	return NULL;
}

static void
request_free(struct http_request *request)
{
	free(request->method);
	free(request->raw_path);
	free(request->path);
	free(request->query);
	http_headers_free(&request->headers);
	memset(request, 0, sizeof(*request));
}

void
http_parser_init(struct http_parser *parser)
{
	memset(parser, 0, sizeof(*parser));
	buffer_init(&parser->line, HEADER_SECTION_MAX);
	parser->state = AT_REQUEST_LINE;
}

void
http_parser_fini(struct http_parser *parser)
{
	request_free(&parser->request);
	buffer_free(&parser->line);
}

void
http_parser_next_request(struct http_parser *parser)
{
	request_free(&parser->request);
	buffer_clear(&parser->line);
	parser->header_bytes = 0;
	parser->left = 0;
	parser->state = AT_REQUEST_LINE;
}

static bool
bad(struct http_parser *parser, int status, const char *error)
{
	parser->state = AT_ERROR;
	parser->error_status = status;
	parser->error = error;
	return false;
}

static bool
is_token(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (!isalnum((unsigned char)*text) && strchr("!#$%&'*+-.^_`|~", *text) == NULL)
			return false;
	return true;
}

static bool
set_target(struct http_parser *parser, const char *target)
{
	struct http_request *request = &parser->request;
	const char *mark = strchr(target, '?');
	size_t length = mark != NULL ? (size_t)(mark - target) : strlen(target);
	struct buffer path;
	bool well_formed;

	if (target[0] != '/')
		return bad(parser, 400, "the request target is not a path");
	request->raw_path = memory_text_n(target, length);
	request->query = memory_text(mark != NULL ? mark + 1 : "");
	buffer_init(&path, HEADER_SECTION_MAX);
	well_formed = text_percent_decode(&path, target, length, false) &&
		      strlen(path.data) == path.length;
	request->path = buffer_take(&path);
	buffer_free(&path);
	return well_formed || bad(parser, 400, "the path is not well encoded");
}

static bool
parse_request_line(struct http_parser *parser, char *line)
{
	struct http_request *request = &parser->request;
	char *target = strchr(line, ' ');
	char *version = target != NULL ? strchr(target + 1, ' ') : NULL;

	if (version == NULL)
		return bad(parser, 400, "no request line");
	*target++ = '\0';
	*version++ = '\0';
	if (!is_token(line))
		return bad(parser, 400, "the method is not a token");
	if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
		return bad(parser, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
	request->http_1_0 = strcmp(version, "HTTP/1.0") == 0;
	request->method = memory_text(line);
	if (!set_target(parser, target))
		return false;
	parser->state = AT_HEADERS;
	return true;
}

static bool
parse_header(struct http_parser *parser, char *line)
{
	char *colon = strchr(line, ':');
	char *value, *end;

	if (line[0] == ' ' || line[0] == '\t')
		return bad(parser, 400, "a folded header");
	if (colon == NULL)
		return bad(parser, 400, "a header without a colon");
	*colon = '\0';
	if (!is_token(line))
		return bad(parser, 400, "a header's name is not a token");
	if (parser->request.headers.count >= HEADERS_MAX)
		return bad(parser, 431, "too many headers");
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	http_headers_add(&parser->request.headers, line, value);
	return true;
}

static bool
read_length(struct http_parser *parser, const char *text)
{
	int64_t length;

	if (text[0] == '-' || !text_parse_integer(text, &length))
		return bad(parser, 400, "Content-Length is not a number");
	parser->request.content_length = (uint64_t)length;
	parser->request.has_body = length > 0;
	return true;
}

static bool
finish_headers(struct http_parser *parser)
{
	struct http_request *request = &parser->request;
	const char *connection = http_headers_get(&request->headers, "Connection");
	const char *coding = http_headers_get(&request->headers, "Transfer-Encoding");
	const char *expect = http_headers_get(&request->headers, "Expect");
	unsigned lengths = 0;

	for (size_t i = 0; i < request->headers.count; i++) {
		const struct http_header *header = &request->headers.list[i];

		if (strcasecmp(header->name, "Content-Length") != 0)
			continue;
		if (++lengths > 1 || coding != NULL)
			return bad(parser, 400, "more than one length");
		if (!read_length(parser, header->value))
			return false;
	}
	if (coding != NULL && strcasecmp(coding, "chunked") != 0)
		return bad(parser, 501, "only the chunked coding is spoken here");
	request->chunked = coding != NULL;
	request->has_body |= request->chunked;
	request->keep_alive =
		!request->http_1_0 && (connection == NULL || strcasecmp(connection, "close") != 0);
	request->expects_continue =
		expect != NULL && strcasecmp(expect, "100-continue") == 0 && request->has_body;
	parser->left = request->content_length;
	parser->state = request->chunked ? AT_CHUNK_SIZE : request->has_body ? AT_BODY : AT_END;
	return true;
}

static bool
parse_chunk_size(struct http_parser *parser, const char *line)
{
	char *end = NULL;
	unsigned long long size;

	if (!isxdigit((unsigned char)line[0]) || strspn(line, "0123456789abcdefABCDEF") > 15)
		return bad(parser, 400, "a chunk without a size");
	size = strtoull(line, &end, 16);
	if (*end != '\0' && *end != ';' && *end != ' ')
		return bad(parser, 400, "a chunk without a size");
	parser->left = size;
	parser->state = size > 0 ? AT_CHUNK_DATA : AT_TRAILER;
	return true;
}

/* One whole line, without its end. True if it was the last one of the header section. */
static bool
parse_line(struct http_parser *parser, char *line)
{
	switch (parser->state) {
	case AT_REQUEST_LINE:
		if (line[0] != '\0') /* RFC 9112 2.2: blank lines before it are skipped */
			(void)parse_request_line(parser, line);
		return false;
	case AT_HEADERS:
		if (line[0] == '\0')
			return finish_headers(parser);
		(void)parse_header(parser, line);
		return false;
	case AT_CHUNK_SIZE:
		(void)parse_chunk_size(parser, line);
		return false;
	case AT_CHUNK_END:
		if (line[0] != '\0')
			(void)bad(parser, 400, "a chunk is longer than its size");
		else
			parser->state = AT_CHUNK_SIZE;
		return false;
	default: /* AT_TRAILER */
		if (line[0] == '\0')
			parser->state = AT_END;
		return false;
	}
}

/* Gathers a line over as many reads as it takes. Returns the bytes used; *complete tells. */
static size_t
gather_line(struct http_parser *parser, const char *data, size_t length, bool *complete)
{
	const char *newline = memchr(data, '\n', length);
	size_t used = newline != NULL ? (size_t)(newline - data) + 1 : length;

	*complete = false;
	parser->header_bytes += used;
	if (parser->header_bytes > HEADER_SECTION_MAX || !buffer_add(&parser->line, data, used)) {
		(void)bad(parser, 431, "the headers are too long");
		return used;
	}
	if (newline == NULL)
		return used;
	parser->line.data[--parser->line.length] = '\0';
	if (parser->line.length > 0 && parser->line.data[parser->line.length - 1] == '\r')
		parser->line.data[--parser->line.length] = '\0';
	if (strlen(parser->line.data) != parser->line.length)
		(void)bad(parser, 400, "a NUL byte in a header");
	else
		*complete = true;
	return used;
}

static size_t
take_body(struct http_parser *parser, const char *data, size_t length, struct http_slice *body)
{
	size_t used = parser->left < length ? (size_t)parser->left : length;

	*body = (struct http_slice){data, used};
	parser->left -= used;
	if (parser->left == 0)
		parser->state = parser->state == AT_BODY ? AT_END : AT_CHUNK_END;
	parser->header_bytes = 0; /* the cap is for one chunk's line, not for all of them */
	return used;
}

size_t
http_parser_read(struct http_parser *parser, const char *data, size_t length,
		 enum http_event *event, struct http_slice *body)
{
	size_t used = 0;

	for (;;) {
		bool complete, headers_done = false;

		if (parser->state == AT_ERROR || parser->state == AT_END) {
			*event = parser->state == AT_END ? HTTP_EVENT_END : HTTP_EVENT_BAD;
			return used;
		}
		if (used == length) {
			*event = HTTP_EVENT_MORE;
			return used;
		}
		if (parser->state == AT_BODY || parser->state == AT_CHUNK_DATA) {
			*event = HTTP_EVENT_BODY;
			return used + take_body(parser, data + used, length - used, body);
		}
		used += gather_line(parser, data + used, length - used, &complete);
		if (complete) {
			headers_done = parse_line(parser, parser->line.data);
			buffer_clear(&parser->line);
		}
		if (headers_done) {
			*event = HTTP_EVENT_HEADERS;
			return used;
		}
	}
}

/*
 * http_request.c - the head of one HTTP request, byte by byte.         [supervisor]
 *
 * Invariant: line[] holds the unfinished line and never more than HTTP_HEAD_LIMIT bytes; the
 * outcome does not depend on how the bytes were cut into pieces.
 */
#include "health/http_request.h"

#include <string.h>
#include <strings.h>

void
http_request_init(struct http_request *request)
{
	/* Not line[]: clearing 8 KiB for each request would be most of the work. */
	memset(request, 0, offsetof(struct http_request, line));
	request->line[0] = '\0';
}

static void
refuse(struct http_request *request, int status)
{
	request->progress = HTTP_BAD;
	request->status = status;
	request->keep_alive = false;
}

/* ---- characters (RFC 9110, 5.5 and 5.6.2; in bytes, never by locale) ---- */

static bool
is_token_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!is_token_character(text[i]))
			return false;
	return size > 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_value_character(char c)
{
	unsigned char byte = (unsigned char)c;

	return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

static bool
equals(const char *text, size_t size, const char *word, bool any_case)
{
	if (size != strlen(word))
		return false;
	return any_case ? strncasecmp(text, word, size) == 0 : memcmp(text, word, size) == 0;
}

/* ---- the request line (RFC 9112, 3) ---- */

static enum http_method
method_named(const char *name, size_t size)
{
	static const struct {
		const char *name;
		enum http_method method;
	} methods[] = {
		{"GET", HTTP_GET},       {"HEAD", HTTP_HEAD},    {"POST", HTTP_OTHER},
		{"PUT", HTTP_OTHER},     {"DELETE", HTTP_OTHER}, {"CONNECT", HTTP_OTHER},
		{"OPTIONS", HTTP_OTHER}, {"TRACE", HTTP_OTHER},  {"PATCH", HTTP_OTHER},
	};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (equals(name, size, methods[i].name, false))
			return methods[i].method;
	return HTTP_UNKNOWN;
}

/* Where the path of a request target begins: past "http://host:port" of the absolute form. */
static const char *
path_start(const char *target, const char *end)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t size = strlen(schemes[i]);

		if ((size_t)(end - target) > size && strncasecmp(target, schemes[i], size) == 0) {
			for (target += size; target < end && *target != '/' && *target != '?';)
				target++;
			return target;
		}
	}
	return target;
}

static bool
take_target(struct http_request *request, const char *target, size_t size)
{
	const char *end = target + size;
	const char *path = path_start(target, end);
	size_t path_size = 0;

	for (size_t i = 0; i < size; i++)
		if (target[i] <= ' ' || target[i] > '~')
			return false;
	while (path + path_size < end && path[path_size] != '?' && path[path_size] != '#')
		path_size++;
	if (path != target && path_size == 0) { /* "http://host" means "http://host/" */
		path = "/";
		path_size = 1;
	}
	/* "*" is for OPTIONS, an authority alone for CONNECT; neither names a resource of ours. */
	if (path_size == 0 ||
	    (path[0] != '/' && request->method != HTTP_OTHER && request->method != HTTP_UNKNOWN))
		return false;
	if (path[0] != '/' || path_size >= sizeof(request->path))
		path_size = 0;
	memcpy(request->path, path, path_size);
	request->path[path_size] = '\0';
	return true;
}

/* 0, or the status to refuse it with. */
static int
take_version(struct http_request *request, const char *version)
{
	if (strncmp(version, "HTTP/", 5) != 0 || version[5] < '0' || version[5] > '9' ||
	    version[6] != '.' || version[7] < '0' || version[7] > '9' || version[8] != '\0')
		return 400;
	if (version[5] != '1' || version[7] > '1')
		return 505;
	request->minor_version = version[7] - '0';
	request->keep_alive = request->minor_version == 1;
	return 0;
}

static void
take_request_line(struct http_request *request, const char *line, size_t size)
{
	const char *target = memchr(line, ' ', size);
	const char *version = strrchr(line, ' ');
	int status;

	/* A NUL would end the line early for strrchr(): refused. */
	if (target == NULL || version == NULL || version == target || strlen(line) != size ||
	    !is_token(line, (size_t)(target - line))) {
		refuse(request, 400);
		return;
	}
	target++;
	status = take_version(request, version + 1);
	if (status != 0) {
		refuse(request, status);
		return;
	}
	request->method = method_named(line, (size_t)(target - 1 - line));
	if (!take_target(request, target, (size_t)(version - target)))
		refuse(request, 400);
	request->has_request_line = true;
}

/* ---- header fields (RFC 9112, 5 and 6) ---- */

static bool
take_length(struct http_request *request, const char *value, size_t size)
{
	uint64_t length = 0;

	for (size_t i = 0; i < size; i++) {
		if (value[i] < '0' || value[i] > '9' || length > UINT64_MAX / 100)
			return false;
		length = length * 10 + (uint64_t)(value[i] - '0');
	}
	if (size == 0 || (request->has_length && request->length != length))
		return false;
	request->has_length = true;
	request->length = length;
	return true;
}

/* Connection is a list: "keep-alive, Upgrade". "close" wins, wherever it stands. */
static void
take_connection(struct http_request *request, const char *value, size_t size)
{
	const char *end = value + size;

	while (value < end) {
		const char *item = value;
		size_t item_size;

		while (value < end && *value != ',')
			value++;
		item_size = (size_t)(value - item);
		while (item_size > 0 && is_blank(item[0])) {
			item++;
			item_size--;
		}
		while (item_size > 0 && is_blank(item[item_size - 1]))
			item_size--;
		if (equals(item, item_size, "close", true)) {
			request->keep_alive = false;
			request->minor_version = -1; /* no later "keep-alive" counts */
		} else if (equals(item, item_size, "keep-alive", true) &&
			   request->minor_version == 0) {
			request->keep_alive = true;
		}
		value++;
	}
}

static bool
take_field(struct http_request *request, const char *name, size_t name_size, const char *value,
	   size_t size)
{
	if (equals(name, name_size, "Content-Length", true))
		return take_length(request, value, size);
	if (equals(name, name_size, "Transfer-Encoding", true))
		request->has_coding = true;
	if (equals(name, name_size, "Connection", true))
		take_connection(request, value, size);
	if (equals(name, name_size, "Host", true)) {
		if (request->has_host)
			return false;
		request->has_host = true;
	}
	return true;
}

static void
take_header_line(struct http_request *request, const char *line, size_t size)
{
	const char *colon = memchr(line, ':', size);
	const char *value, *end = line + size;

	if (colon == NULL || !is_token(line, (size_t)(colon - line))) {
		refuse(request, 400);
		return;
	}
	for (value = colon + 1; value < end && is_blank(*value);)
		value++;
	while (end > value && is_blank(end[-1]))
		end--;
	for (const char *c = value; c < end; c++)
		if (!is_value_character(*c)) {
			refuse(request, 400);
			return;
		}
	if (!take_field(request, line, (size_t)(colon - line), value, (size_t)(end - value)))
		refuse(request, 400);
}

static void
take_end(struct http_request *request)
{
	/* Which of the two holds is what smuggling lives on (RFC 9112, 6.1). */
	if (request->has_coding && request->has_length) {
		refuse(request, 400);
		return;
	}
	request->has_body = request->has_coding || request->length > 0;
	if (request->has_body)
		request->keep_alive = false; /* we shall not read it */
	request->progress = HTTP_DONE;
}

/* ---- lines ---- */

static void
take_line(struct http_request *request)
{
	size_t size = request->line_size;

	if (size > 0 && request->line[size - 1] == '\r')
		size--;
	request->line[size] = '\0';
	request->line_size = 0;
	if (!request->has_request_line) {
		if (size >
		    0) /* empty lines before a request are to be overlooked (RFC 9112, 2.2) */
			take_request_line(request, request->line, size);
	} else if (size > 0) {
		take_header_line(request, request->line, size);
	} else {
		take_end(request);
	}
}

/* A request begins with a token: TLS and other protocols are told apart at their first byte. */
static bool
begins_well(struct http_request *request, const char *data)
{
	if (request->has_request_line || request->line_size > 0 || data[0] == '\n')
		return true;
	if (data[0] != '\r')
		request->started = true;
	return data[0] == '\r' || is_token_character(data[0]);
}

size_t
http_request_feed(struct http_request *request, const char *data, size_t size)
{
	size_t used = 0;

	while (used < size && request->progress == HTTP_MORE) {
		const char *from = data + used;
		const char *newline = memchr(from, '\n', size - used);
		size_t n = newline != NULL ? (size_t)(newline - from) + 1 : size - used;
		size_t room = HTTP_HEAD_LIMIT - request->head_size;

		if (!begins_well(request, from)) {
			refuse(request, 400);
			break;
		}
		if (n > room) {
			refuse(request, request->has_request_line ? 431 : 414);
			used += room;
			break;
		}
		memcpy(request->line + request->line_size, from, n);
		request->head_size += n;
		request->line_size += n;
		used += n;
		if (newline != NULL) {
			request->line_size--;
			take_line(request);
		}
	}
	return used;
}

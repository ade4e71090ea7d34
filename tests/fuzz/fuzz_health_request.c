/*
 * fuzz_health_request.c - the health listener's reader of HTTP requests.   [tests]
 *
 * Holds: fed whole, byte by byte or in pieces it comes to the same; it never takes more than it was
 * given nor anything after an end; what is refused has a status; a path is one that could be asked
 * for; a head of more than 8 KiB is not read.
 */
#include <stdlib.h>
#include <string.h>

#include "health/http_request.h"
#include "tests/fuzz/input.h"

static size_t
feed(struct http_request *request, const char *data, size_t size, size_t piece)
{
	size_t used = 0;

	http_request_init(request);
	while (used < size && request->progress == HTTP_MORE) {
		size_t want = size - used < piece ? size - used : piece;
		size_t took = http_request_feed(request, data + used, want);

		FUZZ_CHECK(took <= want);
		FUZZ_CHECK(took == want || request->progress != HTTP_MORE);
		used += took;
	}
	return used;
}

static void
check_request(struct http_request *request, size_t used)
{
	size_t path_size = strnlen(request->path, sizeof(request->path));

	FUZZ_CHECK(path_size < sizeof(request->path));
	FUZZ_CHECK(path_size == 0 || request->path[0] == '/');
	FUZZ_CHECK(strchr(request->path, '?') == NULL);
	FUZZ_CHECK(used <= HTTP_HEAD_LIMIT + 1);
	switch (request->progress) {
	case HTTP_MORE:
		break;
	case HTTP_DONE:
		FUZZ_CHECK(request->started);
		break;
	case HTTP_BAD:
		FUZZ_CHECK(request->status == 400 || request->status == 414 ||
			   request->status == 431 || request->status == 505);
		break;
	}
	if (request->progress != HTTP_MORE)
		FUZZ_CHECK(http_request_feed(request, "GET / HTTP/1.1\r\n", 16) == 0);
}

static void
check_same(const struct http_request *left, const struct http_request *right)
{
	FUZZ_CHECK(left->progress == right->progress && left->status == right->status);
	FUZZ_CHECK(left->method == right->method && strcmp(left->path, right->path) == 0);
	FUZZ_CHECK(left->keep_alive == right->keep_alive && left->has_body == right->has_body);
	FUZZ_CHECK(left->started == right->started);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request whole, single, pieces;
	char *text = fuzz_text(data, size);
	size_t used = feed(&whole, text, size, size + 1);

	FUZZ_CHECK(feed(&single, text, size, 1) == used);
	FUZZ_CHECK(feed(&pieces, text, size, 7) == used);
	check_same(&whole, &single);
	check_same(&whole, &pieces);
	check_request(&whole, used);
	free(text);
	return 0;
}

/*
 * http_request.c: what is taken for a request, and that the cut of the bytes does not matter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/http_request.h"

/* Feeds pieces of at most `step` bytes; returns how many were used. */
static size_t
feed(struct http_request *request, const char *data, size_t size, size_t step)
{
	size_t used = 0;

	http_request_init(request);
	while (used < size) {
		size_t n = size - used < step ? size - used : step;
		/* Of exact size, so that a sanitizer sees every byte read too many. */
		char *piece = malloc(n);
		size_t taken;

		assert_non_null(piece);
		memcpy(piece, data + used, n);
		taken = http_request_feed(request, piece, n);
		free(piece);
		used += taken;
		if (request->progress != HTTP_MORE)
			break;
		assert_int_equal(taken, n);
	}
	return used;
}

struct expected {
	const char *text;
	enum http_method method;
	const char *path;
	bool keep_alive, has_body;
};

static void
good_requests_are_understood(void **state)
{
	static const struct expected cases[] = {
		{"GET /health HTTP/1.1\r\n\r\n", HTTP_GET, "/health", true, false},
		{"GET /health HTTP/1.1\n\n", HTTP_GET, "/health", true, false},
		{"\r\n\r\nGET /ready HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_GET, "/ready", true, false},
		{"HEAD /metrics HTTP/1.0\r\n\r\n", HTTP_HEAD, "/metrics", false, false},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", HTTP_GET, "/", true, false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive, x\r\n\r\n", HTTP_GET, "/", true, false},
		{"GET / HTTP/1.1\r\ncOnNeCtIoN: x , CLOSE\r\n\r\n", HTTP_GET, "/", false, false},
		{"GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", HTTP_GET,
		 "/", false, false},
		{"GET /ready?x=1 HTTP/1.1\r\n\r\n", HTTP_GET, "/ready", true, false},
		{"GET /ready?a=/b#c HTTP/1.1\r\n\r\n", HTTP_GET, "/ready", true, false},
		{"GET http://h:5000/ready?x HTTP/1.1\r\n\r\n", HTTP_GET, "/ready", true, false},
		{"GET HTTPS://[::1]:5000/ready HTTP/1.1\r\n\r\n", HTTP_GET, "/ready", true, false},
		{"GET http://h HTTP/1.1\r\n\r\n", HTTP_GET, "/", true, false},
		{"GET http://h?x HTTP/1.1\r\n\r\n", HTTP_GET, "/", true, false},
		{"GET /%68ealth HTTP/1.1\r\n\r\n", HTTP_GET, "/%68ealth", true, false},
		{"GET /a-path-that-is-longer-than-any-of-ours HTTP/1.1\r\n\r\n", HTTP_GET, "", true,
		 false},
		{"POST /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n", HTTP_OTHER, "/health", true,
		 false},
		{"POST /health HTTP/1.1\r\nContent-Length: 5\r\n\r\n", HTTP_OTHER, "/health", false,
		 true},
		{"POST /health HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_OTHER,
		 "/health", false, true},
		{"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", HTTP_GET, "/",
		 false, true},
		{"OPTIONS * HTTP/1.1\r\n\r\n", HTTP_OTHER, "", true, false},
		{"CONNECT h:80 HTTP/1.1\r\n\r\n", HTTP_OTHER, "", true, false},
		{"PATCH / HTTP/1.1\r\n\r\n", HTTP_OTHER, "/", true, false},
		{"BREW /health HTTP/1.1\r\n\r\n", HTTP_UNKNOWN, "/health", true, false},
		{"get /health HTTP/1.1\r\n\r\n", HTTP_UNKNOWN, "/health", true, false},
		{"GET / HTTP/1.1\r\nX-Empty:\r\nX-Tab:\t\xC3\xA9\t\r\n\r\n", HTTP_GET, "/", true,
		 false},
	};
	struct http_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = strlen(cases[i].text);

		for (size_t step = 1; step <= size; step++) {
			assert_int_equal(feed(&request, cases[i].text, size, step), size);
			assert_int_equal(request.progress, HTTP_DONE);
			assert_int_equal(request.method, cases[i].method);
			assert_string_equal(request.path, cases[i].path);
			assert_int_equal(request.keep_alive, cases[i].keep_alive);
			assert_int_equal(request.has_body, cases[i].has_body);
		}
	}
}

static void
bad_requests_are_refused(void **state)
{
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"\x16\x03\x01", 400}, /* TLS */
		{"GET /health\r\n", 400},
		{"GET\r\n", 400},
		{" GET / HTTP/1.1\r\n", 400},
		{"GET  / HTTP/1.1\r\n", 400},
		{"GET / x HTTP/1.1\r\n", 400},
		{"GET  HTTP/1.1\r\n", 400},
		{"G(T / HTTP/1.1\r\n", 400},
		{"GET health HTTP/1.1\r\n", 400},
		{"GET * HTTP/1.1\r\n", 400},
		{"GET /h\xC3\xA9 HTTP/1.1\r\n", 400},
		{"GET /\t HTTP/1.1\r\n", 400},
		{"GET / HTTP/1.1 \r\n", 400},
		{"GET / http/1.1\r\n", 400},
		{"GET / HTTP/1\r\n", 400},
		{"GET / HTTP/1.1.1\r\n", 400},
		{"GET / HTTP/11.1\r\n", 400},
		{"GET / HTTP/2.0\r\n", 505},
		{"GET / HTTP/1.2\r\n", 505},
		{"GET / HTTP/0.9\r\n", 505},
		{"PRI * HTTP/2.0\r\n", 505},
		{"GET / HTTP/1.1\r\nno colon\r\n", 400},
		{"GET / HTTP/1.1\r\nA : b\r\n", 400},
		{"GET / HTTP/1.1\r\n: b\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\r\n c\r\n", 400}, /* obs-fold */
		{"GET / HTTP/1.1\r\nA: b\rc\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\x01\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: -1\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: 5, 5\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: 0x5\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length:\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n", 400},
		{"GET / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
	};
	struct http_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = strlen(cases[i].text);

		for (size_t step = 1; step <= size; step++) {
			feed(&request, cases[i].text, size, step);
			assert_int_equal(request.progress, HTTP_BAD);
			assert_int_equal(request.status, cases[i].status);
			assert_false(request.keep_alive);
			assert_int_equal(http_request_feed(&request, "x", 1), 0);
		}
	}
}

static void
nul_bytes_are_refused(void **state)
{
	static const char line[] = "GET /health HTTP/1.1\0\r\n\r\n";
	static const char path[] = "GET /health\0x HTTP/1.1\r\n\r\n";
	static const char value[] = "GET /health HTTP/1.1\r\nA: b\0c\r\n\r\n";
	static const char name[] = "GET /health HTTP/1.1\r\nA\0: b\r\n\r\n";
	struct http_request request;

	(void)state;
	for (size_t step = 1; step < 40; step++) {
		feed(&request, line, sizeof(line) - 1, step);
		assert_int_equal(request.status, 400);
		feed(&request, path, sizeof(path) - 1, step);
		assert_int_equal(request.status, 400);
		feed(&request, value, sizeof(value) - 1, step);
		assert_int_equal(request.status, 400);
		feed(&request, name, sizeof(name) - 1, step);
		assert_int_equal(request.status, 400);
	}
}

/* A request whose head is exactly `size` bytes. */
static char *
head_of(size_t size)
{
	static const char start[] = "GET /health HTTP/1.1\r\nX: ", end[] = "\r\n\r\n";
	char *head = malloc(size + 1);

	assert_non_null(head);
	memset(head, 'x', size);
	memcpy(head, start, sizeof(start) - 1);
	memcpy(head + size - (sizeof(end) - 1), end, sizeof(end));
	return head;
}

static void
head_of_8_kib_is_taken_and_no_byte_more(void **state)
{
	static const size_t steps[] = {1, 7, 4096, SIZE_MAX};
	char *fits = head_of(HTTP_HEAD_LIMIT), *too_long = head_of(HTTP_HEAD_LIMIT + 1);
	struct http_request request;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		feed(&request, fits, HTTP_HEAD_LIMIT, steps[i]);
		assert_int_equal(request.progress, HTTP_DONE);
		feed(&request, too_long, HTTP_HEAD_LIMIT + 1, steps[i]);
		assert_int_equal(request.progress, HTTP_BAD);
		assert_int_equal(request.status, 431);
	}
	free(fits);
	free(too_long);
}

static void
request_line_without_end_is_refused(void **state)
{
	size_t size = 100000;
	char *line = malloc(size);
	struct http_request request;

	(void)state;
	assert_non_null(line);
	memset(line, 'a', size);
	memcpy(line, "GET /", 5);
	assert_int_equal(feed(&request, line, size, 1000), HTTP_HEAD_LIMIT);
	assert_int_equal(request.status, 414);
	memset(line, '\n', size);
	feed(&request, line, size, 1000);
	assert_int_equal(request.status, 414);
	free(line);
}

static void
what_follows_a_request_is_left_for_the_next(void **state)
{
	static const char two[] = "GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.0\r\n\r\n";
	struct http_request request;
	size_t used;

	(void)state;
	http_request_init(&request);
	assert_false(request.started);
	used = http_request_feed(&request, two, sizeof(two) - 1);
	assert_int_equal(used, strlen("GET /a HTTP/1.1\r\n\r\n"));
	assert_string_equal(request.path, "/a");
	assert_true(request.started);
	http_request_init(&request);
	assert_int_equal(http_request_feed(&request, two + used, sizeof(two) - 1 - used),
			 sizeof(two) - 1 - used);
	assert_int_equal(request.progress, HTTP_DONE);
	assert_int_equal(request.method, HTTP_HEAD);
	assert_string_equal(request.path, "/b");
	assert_false(request.keep_alive);
}

static void
random_bytes_end_alike_however_they_are_cut(void **state)
{
	static const char alphabet[] = "GETHAD /:.1\r\n\r\n\t \0\x80-HTTP/1.1ContentLength";
	struct http_request whole, cut;
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char data[96];
		size_t start = 0;

		if (round % 2) {
			memcpy(data, "GET / HTTP/1.1\r\n", 16);
			start = 16;
		}
		for (size_t i = start; i < sizeof(data); i++) {
			seed = seed * 1103515245 + 12345;
			data[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
		}
		feed(&whole, data, sizeof(data), sizeof(data));
		feed(&cut, data, sizeof(data), 1 + (seed >> 20) % 9);
		assert_int_equal(whole.progress, cut.progress);
		assert_int_equal(whole.status, cut.status);
		assert_int_equal(whole.method, cut.method);
		assert_string_equal(whole.path, cut.path);
		assert_int_equal(whole.keep_alive, cut.keep_alive);
		assert_int_equal(whole.has_body, cut.has_body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests_are_understood),
		cmocka_unit_test(bad_requests_are_refused),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(head_of_8_kib_is_taken_and_no_byte_more),
		cmocka_unit_test(request_line_without_end_is_refused),
		cmocka_unit_test(what_follows_a_request_is_left_for_the_next),
		cmocka_unit_test(random_bytes_end_alike_however_they_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

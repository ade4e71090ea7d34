/*
 * answer.c, render_page.c: what a request is answered, and what a browser may do with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "health/answer.h"
#include "health/render_page.h"
#include "tests/unit/health_case.h"

static char head_room[ANSWER_HEAD_SIZE];

static void
assert_answer(const char *text, int status, const char *needle)
{
	static struct http_request request;
	const struct health_load load = {0};
	struct scoreboard *board = scoreboard_new();
	struct page head, body;
	char length[64];
	int told;

	assert_non_null(board);
	http_request_init(&request);
	http_request_feed(&request, text, strlen(text));
	page_init(&head, head_room, sizeof(head_room));
	page_init(&body, room, sizeof(room));
	answer_request(&request, board, &load, &head, &body);
	assert_int_equal(sscanf(head_room, "HTTP/1.1 %d ", &told), 1);
	assert_int_equal(told, status);
	assert_non_null(strstr(head_room, needle));
	assert_non_null(strstr(head_room, "\r\nDate: "));
	assert_string_equal(head_room + head.size - 4, "\r\n\r\n");
	if (request.method != HTTP_HEAD) {
		snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", body.size);
		assert_non_null(strstr(head_room, length));
		assert_true(body.size > 0);
	} else {
		assert_int_equal(body.size, 0);
		assert_null(strstr(head_room, "\r\nContent-Length: 0\r\n"));
	}
	scoreboard_free(board);
}

static void
each_request_gets_its_status(void **state)
{
	(void)state;
	assert_answer("GET /health HTTP/1.1\r\n\r\n", 200, "Type: application/json");
	assert_answer("HEAD /health HTTP/1.1\r\n\r\n", 200, "Connection: keep-alive");
	assert_answer("GET /ready HTTP/1.0\r\n\r\n", 503, "Connection: close");
	assert_answer("GET /metrics HTTP/1.1\r\n\r\n", 200,
		      "Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_answer("GET / HTTP/1.1\r\n\r\n", 200, "Type: text/html; charset=utf-8\r\n");
	assert_answer("HEAD / HTTP/1.1\r\n\r\n", 200, "Type: text/html; charset=utf-8\r\n");
	assert_answer("POST / HTTP/1.1\r\n\r\n", 405, "Type: application/json");
	assert_answer("GET /status HTTP/1.1\r\n\r\n", 200, "Type: application/json");
	assert_answer("GET /page.css HTTP/1.1\r\n\r\n", 404, "Type: application/json");
	assert_answer("GET /health/ HTTP/1.1\r\n\r\n", 404, "Connection: keep-alive");
	assert_answer("GET /HEALTH HTTP/1.1\r\n\r\n", 404, "Connection: keep-alive");
	assert_answer("HEAD /x HTTP/1.1\r\n\r\n", 404, "Connection: keep-alive");
	assert_answer("POST /x HTTP/1.1\r\n\r\n", 404, "Connection: keep-alive");
	assert_answer("POST /ready HTTP/1.1\r\n\r\n", 405, "Allow: GET, HEAD\r\n");
	assert_answer("DELETE /ready HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 405, ": close\r\n");
	assert_answer("BREW /ready HTTP/1.1\r\n\r\n", 501, "Connection: keep-alive");
	assert_answer("GET /ready HTTP/1.1\r\nContent-Length: 3\r\n\r\n", 413, ": close\r\n");
	assert_answer("GET /ready HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 413, ": close");
	assert_answer("GET /ready HTTP/3.0\r\n\r\n", 505, "Connection: close");
	assert_answer("nonsense\r\n", 400, "Connection: close");
}

/* ---- the page ---- */

/* "'sha256-<digest in base64>'" of what is between the tags of the page. */
static void
assert_policy_has_digest_of(const char *html, const char *tag, const char *rule)
{
	unsigned char digest[SHA256_DIGEST_LENGTH], base64[64];
	char open[16], close[16], wanted[128];
	const char *from, *to;

	snprintf(open, sizeof(open), "<%s>", tag);
	snprintf(close, sizeof(close), "</%s>", tag);
	from = strstr(html, open);
	assert_non_null(from);
	from += strlen(open);
	to = strstr(from, close);
	assert_non_null(to);
	assert_null(strstr(to, open)); /* there is one */
	assert_in_range(to - from, 1000, 100000);
	SHA256((const unsigned char *)from, (size_t)(to - from), digest);
	EVP_EncodeBlock(base64, digest, sizeof(digest));
	snprintf(wanted, sizeof(wanted), "; %s 'sha256-%s';", rule, (const char *)base64);
	assert_non_null(strstr(render_page_policy, wanted));
}

static void
page_runs_its_own_script_and_nothing_else(void **state)
{
	struct page page;

	(void)state;
	page_init(&page, room, sizeof(room));
	render_page(&page);
	assert_false(page.full);
	assert_policy_has_digest_of(room, "style", "style-src");
	assert_policy_has_digest_of(room, "script", "script-src");
	assert_memory_equal(render_page_policy, "default-src 'none'; ", 20);
	assert_null(strstr(render_page_policy, "unsafe"));
	assert_null(strstr(render_page_policy, "*"));
	assert_non_null(strstr(render_page_policy, "frame-ancestors 'none'"));
	/* Texts become text: nothing in it makes HTML of one. */
	assert_null(strstr(room, "innerHTML"));
	assert_null(strstr(room, "outerHTML"));
	assert_null(strstr(room, "insertAdjacent"));
	assert_null(strstr(room, "document.write"));
	/* Nothing is fetched but /status, wherever the page is served. */
	assert_null(strstr(room, "src="));
	assert_null(strstr(room, "@import"));
	assert_null(strstr(room, "url("));
	assert_null(strstr(room, "https:"));
	assert_null(strstr(room, "<!--"));
}

static void
every_answer_has_the_rules_for_browsers(void **state)
{
	static const char *const requests[] = {
		"GET / HTTP/1.1\r\n\r\n", "GET /status HTTP/1.1\r\n\r\n",
		"GET /metrics HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\n\r\n", "nonsense\r\n"};
	static const char *const rules[] = {
		"\r\nX-Content-Type-Options: nosniff\r\n", "\r\nReferrer-Policy: no-referrer\r\n",
		"\r\nCache-Control: no-store\r\n",
		"\r\nContent-Security-Policy: default-src 'none'; ", "frame-ancestors 'none'"};
	static const int statuses[] = {200, 200, 200, 404, 400};

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		for (size_t j = 0; j < sizeof(rules) / sizeof(rules[0]); j++)
			assert_answer(requests[i], statuses[i], rules[j]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_gets_its_status),
		cmocka_unit_test(page_runs_its_own_script_and_nothing_else),
		cmocka_unit_test(every_answer_has_the_rules_for_browsers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

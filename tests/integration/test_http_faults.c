/*
 * http*.c, deviantart*.c against a network that misbehaves: what left this host, how often, and
 * what it came to. (The sandbox of test_deviantart.c plays DeviantArt; the peer plays the network.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/integration/http_bench.h"
#include "tests/integration/peer.h"

/* ---- nothing sent ---- */

static void
refused_connection_is_an_outage(void **state)
{
	struct http_bench bench = {.peer.pid = 0};
	struct failure why;
	char url[64], item[DEVIANTART_ITEM_SIZE];

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", peer_closed_port());
	http_bench_connect(&bench, url);
	assert_false(http_bench_publish(&bench, NULL, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	assert_true(why.outage);
	assert_false(http_bench_refresh(&bench, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	assert_true(why.outage);
	assert_false(http_bench_gallery(&bench, NULL, &why));
	assert_true(why.outage);
	/* The storage is asked first. */
	assert_false(http_bench_submit(&bench, 1000, NULL, item, &why));
	assert_category(why, FAILURE_AWAY);
	http_bench_close(&bench);
}

/* ---- lost answers ---- */

static void
lost_publish_is_unknown_and_was_sent_once(void **state)
{
	static const struct peer_rule kinds[] = {
		{.path = PUBLISH, .then = PEER_CLOSE},
		{.path = PUBLISH, .then = PEER_RESET},
		{.path = PUBLISH, .answer = "HTTP/1.1 200 OK\r\nContent-Le", .then = PEER_CLOSE},
		{.path = PUBLISH,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"status\":\"success\"",
		 .then = PEER_CLOSE},
		{.path = PUBLISH,
		 .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"sta\r\n",
		 .then = PEER_CLOSE},
		{.path = PUBLISH,
		 .answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		 .then = PEER_CLOSE},
		{.path = PUBLISH, .answer = "garbage\r\n\r\n", .then = PEER_CLOSE},
		{.path = PUBLISH,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "
			   "4\r\n\r\nabcd",
		 .then = PEER_CLOSE},
		{.path = PUBLISH, .body = "{\"status\":\"success\"}", .then = PEER_KEEP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct http_bench bench;
		struct failure why;

		http_bench_open(&bench, &kinds[i], 1);
		assert_false(http_bench_publish(&bench, NULL, &why));
		assert_category(why, FAILURE_OUTCOME_UNKNOWN);
		assert_false(why.outage);
		http_bench_wait_for_count(&bench.peer.count->requests[0], 1);
		http_bench_close(&bench);
	}
}

static void
lost_refresh_is_no_outage_and_was_sent_once(void **state)
{
	static const struct peer_rule kinds[] = {
		{.path = TOKEN, .then = PEER_RESET},
		{.path = TOKEN,
		 .answer = "HTTP/1.1 200 OK\r\n\r\n{\"access_to",
		 .then = PEER_CLOSE},
		{.path = TOKEN, .body = "{\"status\":\"success\"}", .then = PEER_KEEP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct http_bench bench;
		struct failure why;

		http_bench_open(&bench, &kinds[i], 1);
		assert_false(http_bench_refresh(&bench, &why));
		assert_category(why, FAILURE_NETWORK_ERROR);
		assert_false(why.outage);
		http_bench_wait_for_count(&bench.peer.count->requests[0], 1);
		http_bench_close(&bench);
	}
}

static void
lost_submit_is_a_network_error(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
		 .filler_size = 5000},
		{.path = SUBMIT, .then = PEER_RESET},
	};
	struct http_bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	http_bench_open(&bench, rules, 2);
	assert_false(http_bench_submit(&bench, 5000, NULL, item, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	assert_false(why.outage);
	http_bench_close(&bench);
}

/* ---- connections ---- */

static void
publish_uses_a_connection_of_its_own(void **state)
{
	static const struct peer_rule rules[] = {{.path = GALLERY, .body = EMPTY_PAGE},
						 {.path = PUBLISH, .body = PUBLISHED}};
	struct http_bench bench;
	struct failure why;

	(void)state;
	http_bench_open(&bench, rules, 2);
	assert_true(http_bench_gallery(&bench, NULL, &why));
	assert_true(http_bench_gallery(&bench, NULL, &why));
	assert_int_equal(bench.peer.count->connections, 1);
	assert_true(http_bench_publish(&bench, NULL, &why));
	assert_true(http_bench_publish(&bench, NULL, &why));
	assert_int_equal(bench.peer.count->connections, 3);
	assert_true(http_bench_gallery(&bench, NULL, &why));
	assert_int_equal(bench.peer.count->connections, 3);
	http_rest(bench.http);
	assert_true(http_bench_gallery(&bench, NULL, &why));
	assert_int_equal(bench.peer.count->connections, 4);
	http_bench_close(&bench);
}

static void
redirects_are_not_followed(void **state)
{
	char answer[256];
	struct http_bench elsewhere, bench;
	struct peer_rule trap = {.path = "/", .body = PUBLISHED};
	struct peer_rule rules[] = {{.path = PUBLISH, .answer = answer},
				    {.path = GALLERY, .answer = answer},
				    {.path = OBJECT, .answer = answer}};
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	http_bench_open(&elsewhere, &trap, 1);
	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 307 Go\r\nLocation: %s/x\r\nContent-Length: 0\r\n\r\n",
		 elsewhere.peer.url);
	http_bench_open(&bench, rules, 3);
	assert_false(http_bench_publish(&bench, NULL, &why));
	assert_category(why, FAILURE_OUTCOME_UNKNOWN);
	assert_false(http_bench_gallery(&bench, NULL, &why));
	assert_category(why, FAILURE_UNKNOWN);
	assert_false(http_bench_submit(&bench, 10, NULL, item, &why));
	assert_category(why, FAILURE_AWAY);
	assert_int_equal(elsewhere.peer.count->connections, 0);
	http_bench_close(&bench);
	http_bench_close(&elsewhere);
}

/* ---- answers ---- */

static void
retry_after_arrives(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = GALLERY,
		 .answer = "HTTP/1.1 429 Slow\r\nretry-AFTER:  17 \r\nContent-Length: 0\r\n\r\n"},
		{.path = PUBLISH,
		 .answer = "HTTP/1.1 403 No\r\nRetry-After: -3\r\nContent-Type: text/html\r\n"
			   "Content-Length: 6\r\n\r\n<html>"}};
	struct http_bench bench;
	struct failure why;

	(void)state;
	http_bench_open(&bench, rules, 2);
	assert_false(http_bench_gallery(&bench, NULL, &why));
	assert_category(why, FAILURE_RATE_LIMIT);
	assert_int_equal(why.wait_ms, 17000);
	assert_false(http_bench_publish(&bench, NULL, &why));
	assert_category(why, FAILURE_RATE_LIMIT);
	assert_int_equal(why.wait_ms, 300000);
	assert_int_equal(why.gate, FAILURE_GATE_APPLICATION);
	http_bench_close(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_connection_is_an_outage),
		cmocka_unit_test(lost_publish_is_unknown_and_was_sent_once),
		cmocka_unit_test(lost_refresh_is_no_outage_and_was_sent_once),
		cmocka_unit_test(lost_submit_is_a_network_error),
		cmocka_unit_test(publish_uses_a_connection_of_its_own),
		cmocka_unit_test(redirects_are_not_followed),
		cmocka_unit_test(retry_after_arrives),
	};

	return cmocka_run_group_tests_name("http_faults", tests, http_bench_load_libraries, NULL);
}

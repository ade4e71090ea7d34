/*
 * upload.c, storage.c, deviantart_submit.c against a storage and a site that misbehave: the storage
 * is asked first, and the whole file arrives or nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "tests/integration/http_bench.h"
#include "tests/integration/peer.h"

static void
storage_faults_cost_nothing_at_deviantart(void **state)
{
	static const struct {
		struct peer_rule object;
		enum failure_category category;
		const char *words;
	} kinds[] = {
		{{.path = OBJECT,
		  .answer = "HTTP/1.1 404 Not Found\r\n",
		  .body = "<Error><Code>NoSuchKey</Code></Error>"},
		 FAILURE_VALIDATION_ERROR,
		 "\"cat.png\" is no longer"},
		{{.path = OBJECT,
		  .answer = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n",
		  .filler_size = 999},
		 FAILURE_VALIDATION_ERROR,
		 "999"},
		{{.path = OBJECT,
		  .answer = "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
		  .filler_size = 1001},
		 FAILURE_VALIDATION_ERROR,
		 "1001"},
		{{.path = OBJECT, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
		 FAILURE_VALIDATION_ERROR,
		 "0 bytes"},
		{{.path = OBJECT,
		  .answer = "HTTP/1.1 200 OK\r\n\r\n",
		  .filler_size = 1000,
		  .then = PEER_CLOSE},
		 FAILURE_AWAY,
		 "how long"},
		{{.path = OBJECT,
		  .answer = "HTTP/1.1 503 Slow\r\n",
		  .body = "<Error><Code>SlowDown</Code></Error>"},
		 FAILURE_AWAY,
		 "SlowDown"},
		{{.path = OBJECT,
		  .answer = "HTTP/1.1 403 No\r\n",
		  .body = "<Error><Code>SignatureDoesNotMatch</Code></Error>"},
		 FAILURE_AWAY,
		 "S3_SECRET_ACCESS_KEY"},
		{{.path = OBJECT, .then = PEER_RESET}, FAILURE_AWAY, "storage"},
		{{.path = OBJECT,
		  .answer = "HTTP/1.1 500 Oh\r\n\r\n",
		  .filler_size = MEGABYTE,
		  .then = PEER_CLOSE},
		 FAILURE_AWAY,
		 "500"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct peer_rule rules[] = {kinds[i].object, {.path = SUBMIT, .body = SUBMITTED}};
		struct http_bench bench;
		struct failure why;
		char item[DEVIANTART_ITEM_SIZE] = "none";

		http_bench_open(&bench, rules, 2);
		assert_false(http_bench_submit(&bench, 1000, NULL, item, &why));
		assert_category(why, kinds[i].category);
		if (strstr(why.message, kinds[i].words) == NULL)
			fail_msg("%s: lacks %s", why.message, kinds[i].words);
		assert_string_equal(item, "none");
		assert_int_equal(bench.peer.count->requests[1], 0);
		http_bench_close(&bench);
	}
}

static void
truncated_object_is_never_submitted(void **state)
{
	static const int64_t sizes[] = {500, 60000, 3 * MEGABYTE};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct peer_rule rules[] = {
			{.path = OBJECT,
			 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n",
			 .filler_size = sizes[i],
			 .then = PEER_CLOSE},
			{.path = SUBMIT, .body = SUBMITTED}};
		struct http_bench bench;
		struct failure why;
		char item[DEVIANTART_ITEM_SIZE];

		http_bench_open(&bench, rules, 2);
		assert_false(http_bench_submit(&bench, 4 * MEGABYTE, NULL, item, &why));
		assert_category(why, FAILURE_AWAY);
		assert_int_equal(bench.peer.count->whole[1], 0);
		http_bench_close(&bench);
	}
}

static void
refusal_in_mid_upload_is_heard(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n",
		 .filler_size = 30 * MEGABYTE},
		{.path = SUBMIT,
		 .answer = "HTTP/1.1 429 Slow\r\n",
		 .body = "{\"error\":\"user_api_threshold\"}",
		 .at_once = true,
		 .then = PEER_HANG}};
	struct http_bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	http_bench_open(&bench, rules, 2);
	assert_false(http_bench_submit(&bench, 30 * MEGABYTE, NULL, item, &why));
	assert_category(why, FAILURE_RATE_LIMIT);
	assert_int_equal(why.gate, FAILURE_GATE_USER);
	http_bench_close(&bench);
}

static void
success_before_the_whole_file_is_no_success(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n",
		 .filler_size = 30 * MEGABYTE},
		{.path = SUBMIT, .body = SUBMITTED, .at_once = true, .then = PEER_CLOSE}};
	struct http_bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	http_bench_open(&bench, rules, 2);
	assert_false(http_bench_submit(&bench, 30 * MEGABYTE, NULL, item, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	http_bench_close(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storage_faults_cost_nothing_at_deviantart),
		cmocka_unit_test(truncated_object_is_never_submitted),
		cmocka_unit_test(refusal_in_mid_upload_is_heard),
		cmocka_unit_test(success_before_the_whole_file_is_no_success),
	};

	return cmocka_run_group_tests_name("http_upload", tests, http_bench_load_libraries, NULL);
}

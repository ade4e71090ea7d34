/*
 * deviantart*.c, storage.c: what a request says, to the byte, and what is never put into one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "tests/integration/http_bench.h"
#include "tests/integration/peer.h"

static void
requests_carry_what_deviantart_asks_for(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
		{.path = SUBMIT, .body = SUBMITTED},
		{.path = PUBLISH, .body = PUBLISHED},
		{.path = TOKEN, .body = TOKENS}};
	struct http_bench bench;
	struct failure why;
	struct peer_count *count;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	http_bench_open(&bench, rules, 4);
	count = bench.peer.count;
	assert_true(http_bench_submit(&bench, 10, NULL, item, &why));
	assert_true(http_bench_publish(&bench, NULL, &why));
	assert_true(http_bench_refresh(&bench, &why));
	for (size_t i = 1; i < 4; i++) {
		assert_non_null(strcasestr(count->head[i], "\r\nUser-Agent: isekai-publisher/"));
		assert_non_null(strcasestr(count->head[i], "\r\nAccept-Encoding: "));
		assert_non_null(strcasestr(count->head[i], "gzip"));
		assert_non_null(strcasestr(count->head[i], "\r\ndA-minor-version: 20240701\r\n"));
		assert_null(strcasestr(count->head[i], "Expect"));
		assert_true((strcasestr(count->head[i],
					"\r\nAuthorization: Bearer access-token-x\r\n") != NULL) ==
			    (i < 3));
	}
	assert_null(strcasestr(count->head[0], "Accept-Encoding"));
	assert_null(strcasestr(count->head[0], "access-token-x"));
	assert_non_null(strcasestr(count->head[0], "/auto/s3/aws4_request"));
	assert_non_null(strcasestr(count->head[0], "\r\nx-amz-content-sha256: e3b0c442"));
	assert_non_null(strstr(count->body[1], "name=\"file\"; filename=\"cat.png\"\r\n"
					       "Content-Type: image/png\r\n\r\n0123456789\r\n"));
	assert_string_equal(count->body[3],
			    "grant_type=refresh_token&client_id=1234&"
			    "client_secret=client-secret-x&refresh_token=refresh-token-x");
	http_bench_close(&bench);
}

static void
publish_sends_what_the_row_says(void **state)
{
	static const struct peer_rule rules[] = {{.path = PUBLISH, .body = PUBLISHED}};
	char tag[] = "big cat", folder[] = "AAAA-1";
	char *tags[] = {tag, NULL}, *folders[] = {folder, NULL};
	struct deviantart_post full = {.title = "x",
				       .tags = tags,
				       .gallery_ids = folders,
				       .category_path = "digitalart/paintings",
				       .is_mature = true,
				       .allow_comments = true,
				       .is_ai_generated = true,
				       .no_ai = true,
				       .add_watermark = true,
				       .display_resolution = 4};
	struct deviantart_published published;
	struct http_bench bench;
	struct failure why;

	(void)state;
	http_bench_open(&bench, rules, 1);
	assert_true(deviantart_publish(bench.da, "t", "77", &full, 0, NULL, &published, &why));
	assert_string_equal(published.deviation_id, "FCD30B6B-9173-A4E1-AB5B-81EEA06E2C86");
	assert_string_equal(published.url, "");
	assert_string_equal(bench.peer.count->body[0],
			    "itemid=77&is_mature=true&mature_level=moderate&allow_comments=true&"
			    "allow_free_download=false&add_watermark=true&display_resolution=4&"
			    "is_ai_generated=true&noai=true&catpath=digitalart%2Fpaintings&"
			    "galleryids%5B%5D=AAAA-1&tags%5B%5D=big_cat");
	full.mature_level = "strict";
	assert_true(deviantart_publish(bench.da, "t", "77", &full,
				       DEVIANTART_REPAIR_CATEGORY | DEVIANTART_REPAIR_RESOLUTION,
				       NULL, &published, &why));
	assert_string_equal(bench.peer.count->body[0],
			    "itemid=77&is_mature=true&mature_level=strict&allow_comments=true&"
			    "allow_free_download=false&display_resolution=0&is_ai_generated=true&"
			    "noai=true&galleryids%5B%5D=AAAA-1&tags%5B%5D=big_cat");
	http_bench_close(&bench);
}

static void
unusable_tokens_and_items_are_not_sent(void **state)
{
	static const struct peer_rule rules[] = {{.path = "/", .body = PUBLISHED}};
	static const char *const bad_items[] = {"", "12a", "-1", "1&x=2",
						"123456789012345678901234567890"};
	struct deviantart_published published;
	struct http_bench bench;
	struct failure why;

	(void)state;
	http_bench_open(&bench, rules, 1);
	assert_false(deviantart_publish(bench.da, "a\r\nX-Evil: 1", "77", &http_bench_post, 0, NULL,
					&published, &why));
	assert_category(why, FAILURE_TOKEN_EXPIRED);
	assert_false(deviantart_publish(bench.da, "", "77", &http_bench_post, 0, NULL, &published,
					&why));
	assert_category(why, FAILURE_TOKEN_EXPIRED);
	for (size_t i = 0; i < sizeof(bad_items) / sizeof(bad_items[0]); i++) {
		assert_false(deviantart_publish(bench.da, "t", bad_items[i], &http_bench_post, 0,
						NULL, &published, &why));
		assert_category(why, FAILURE_VALIDATION_ERROR);
	}
	assert_int_equal(bench.peer.count->requests[0], 0);
	http_bench_close(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_carry_what_deviantart_asks_for),
		cmocka_unit_test(publish_sends_what_the_row_says),
		cmocka_unit_test(unusable_tokens_and_items_are_not_sent),
	};

	return cmocka_run_group_tests_name("http_sent", tests, http_bench_load_libraries, NULL);
}

/*
 * deviantart*.c, storage.c, upload.c against build/deviantart-sandbox, as long as all goes well or
 * DeviantArt knows better: the storage checks our signatures, the site our fields, and its ledger
 * tells what really arrived.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/integration/sandbox_bench.h"

static struct sandbox_bench *const bench = &sandbox_bench;

/* ---- what goes well ---- */

static void
note_progress(void *arg, int64_t sent_bytes)
{
	int64_t *last = arg;

	assert_true(sent_bytes > *last);
	*last = sent_bytes;
}

static void
file_arrives_whole_and_is_published_with_all_fields(void **state)
{
	char first[] = "night sky", second[] = "#stars",
	     long_title[] = "A very long title of more than fifty characters, so that it is cut";
	char description[] = "Line one\n\nLine two \xE2\x98\x85";
	char *tags[] = {first, second, NULL};
	struct deviantart_post post = {.title = long_title,
				       .description = description,
				       .tags = tags,
				       .is_mature = true,
				       .mature_level = "strict",
				       .allow_comments = true,
				       .allow_free_download = true,
				       .is_ai_generated = true,
				       .add_watermark = true,
				       .display_resolution = 3};
	struct deviantart_file file = {.storage_key = "big.png",
				       .mime_type = "image/png",
				       .original_filename = "../n\"ight.png",
				       .size_bytes = SANDBOX_BENCH_BIG_SIZE};
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE], *ledger;
	int64_t progress = 0;
	struct failure why;

	(void)state;
	if (!deviantart_submit(bench->da, "A1", &post, &file, NULL, NULL, note_progress, &progress,
			       item, &why))
		fail_msg("%s", why.message);
	assert_int_equal(progress, SANDBOX_BENCH_BIG_SIZE);
	if (!deviantart_publish(bench->da, "A1", item, &post, 0, NULL, &published, &why))
		fail_msg("%s", why.message);
	assert_int_equal(strlen(published.deviation_id), 36);
	assert_non_null(strstr(published.url, "/art/"));
	ledger = sandbox_bench_control("ledger", NULL);
	assert_non_null(strstr(ledger, sandbox_bench_big_sha256));
	assert_non_null(strstr(ledger, item));
	assert_non_null(strstr(ledger, "\"night.png\""));
	assert_non_null(strstr(ledger, "A very long title of more than fifty characters, s\""));
	assert_non_null(strstr(ledger, "night_sky"));
	assert_non_null(strstr(ledger, "Line one\\n\\nLine two"));
	assert_non_null(strstr(ledger, "mature_level"));
	free(ledger);
	ledger = sandbox_bench_control("ledger/summary", NULL);
	assert_null(strstr(ledger, "is_dirty")); /* no field that is not documented */
	free(ledger);
}

static void
undocumented_fields_are_never_sent(void **state)
{
	char category[] = "digitalart";
	struct deviantart_post post = {.title = "x", .category_path = category, .is_mature = true};
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	sandbox_bench_tell("settings", "{\"strict_fields\":true}");
	if (!sandbox_bench_submit(&post, &sandbox_bench_small_file, NULL, item, &why) ||
	    !deviantart_publish(bench->da, "A1", item, &post, 0, NULL, &published, &why))
		fail_msg("%s", why.message);
}

static void
item_is_replaced_in_place(void **state)
{
	char item[DEVIANTART_ITEM_SIZE], again[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	sandbox_bench_submit_plain(item);
	if (!sandbox_bench_submit(&sandbox_bench_plain, &sandbox_bench_small_file, item, again,
				  &why))
		fail_msg("%s", why.message);
	assert_string_equal(item, again);
}

static void
gallery_and_metadata_tell_what_was_published(void **state)
{
	struct deviantart_post post = {.title = "Tom & <Jerry>", .allow_free_download = true};
	static struct deviantart_gallery_post posts[24];
	struct deviantart_metadata found[2];
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE];
	const char *ids[2];
	size_t count = 0;
	bool has_more = true;
	struct failure why;

	(void)state;
	if (!sandbox_bench_submit(&post, &sandbox_bench_small_file, NULL, item, &why) ||
	    !deviantart_publish(bench->da, "A1", item, &post, 0, NULL, &published, &why) ||
	    !deviantart_gallery(bench->da, "A1", 0, NULL, posts, &count, &has_more, &why))
		fail_msg("%s", why.message);
	assert_int_equal(count, 1);
	assert_false(has_more);
	assert_string_equal(posts[0].deviation_id, published.deviation_id);
	assert_string_equal(posts[0].url, published.url);
	assert_string_equal(posts[0].title, "Tom & <Jerry>");
	assert_int_equal(posts[0].download_size_bytes, 1000);
	assert_true(llabs(posts[0].published_time_s - clock_wall_ms() / 1000) < 60);
	ids[0] = ids[1] = published.deviation_id;
	if (!deviantart_metadata(bench->da, "A1", ids, 1, NULL, found, &count, &why))
		fail_msg("%s", why.message);
	assert_int_equal(count, 1);
	assert_string_equal(found[0].deviation_id, published.deviation_id);
	assert_string_equal(found[0].app, "Isekai");
	assert_in_range(1000, found[0].file_size_bytes_low, found[0].file_size_bytes_high);
	if (!deviantart_gallery(bench->da, "A1", 24, NULL, posts, &count, &has_more, &why))
		fail_msg("%s", why.message);
	assert_int_equal(count, 0);
}

static void
answers_may_be_padded_chunked_and_compressed(void **state)
{
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	sandbox_bench_tell("settings", "{\"padding\":5000,\"chunked\":true,\"gzip\":true}");
	sandbox_bench_submit_plain(item);
	if (!sandbox_bench_publish(item, &why))
		fail_msg("%s", why.message);
}

/* ---- tokens ---- */

static void
refresh_token_is_good_for_one_use(void **state)
{
	struct deviantart_tokens tokens;
	struct failure why;

	(void)state;
	if (!deviantart_refresh(bench->da, "R1", NULL, &tokens, &why))
		fail_msg("%s", why.message);
	assert_int_equal(tokens.expires_in_s, 3600);
	assert_string_not_equal(tokens.refresh_token, "R1");
	deviantart_tokens_clear(&tokens);
	assert_null(tokens.access_token);
	assert_false(deviantart_refresh(bench->da, "R1", NULL, &tokens, &why));
	assert_int_equal(why.category, FAILURE_REFRESH_TOKEN_EXPIRED);
	assert_int_equal(why.http_status, 400);
}

static void
wrong_client_secret_is_the_operators_fault(void **state)
{
	struct deviantart_tokens tokens;
	char *right_secret = bench->config.deviantart_client_secret;
	struct failure why;

	(void)state;
	bench->config.deviantart_client_secret = sandbox_bench_wrong_secret;
	assert_false(deviantart_refresh(bench->da, "R1", NULL, &tokens, &why));
	assert_int_equal(why.category, FAILURE_OPERATOR);
	assert_null(strstr(why.message, sandbox_bench_wrong_secret));
	bench->config.deviantart_client_secret = right_secret;
	assert_true(
		deviantart_refresh(bench->da, "R1", NULL, &tokens, &why)); /* it was not spent */
	deviantart_tokens_clear(&tokens);
}

static void
unknown_access_token_is_token_expired(void **state)
{
	struct deviantart_gallery_post posts[24];
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;
	size_t count;
	bool more;

	(void)state;
	assert_false(deviantart_gallery(bench->da, "A-old", 0, NULL, posts, &count, &more, &why));
	assert_int_equal(why.category, FAILURE_TOKEN_EXPIRED);
	assert_false(deviantart_submit(bench->da, "A-old", &sandbox_bench_plain,
				       &sandbox_bench_small_file, NULL, NULL, NULL, NULL, item,
				       &why));
	assert_int_equal(why.category, FAILURE_TOKEN_EXPIRED);
	sandbox_bench_tell("settings", "{\"early_errors\":true}");
	assert_false(deviantart_submit(bench->da, "A-old", &sandbox_bench_plain,
				       &sandbox_bench_small_file, NULL, NULL, NULL, NULL, item,
				       &why));
	assert_int_equal(why.category, FAILURE_TOKEN_EXPIRED);
}

/* ---- publish's own answers ---- */

static void
second_publish_is_code_9_and_unknown_item_code_7(void **state)
{
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	sandbox_bench_submit_plain(item);
	assert_true(sandbox_bench_publish(item, &why));
	assert_false(sandbox_bench_publish(item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_int_equal(why.error_code, 9);
	assert_false(sandbox_bench_publish("12345", &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_int_equal(why.error_code, 7);
}

static void
category_is_repaired_by_leaving_it_out(void **state)
{
	struct deviantart_post post = {.title = "x", .category_path = "digitalart"};
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	sandbox_bench_submit_plain(item);
	for (int code = 2; code <= 3; code++) {
		sandbox_bench_tell("settings", code == 2 ? "{\"catpath_error_code\":2}"
							 : "{\"catpath_error_code\":3}");
		assert_false(deviantart_publish(bench->da, "A1", item, &post, 0, NULL, &published,
						&why));
		assert_int_equal(why.error_code, code);
	}
	assert_true(deviantart_publish(bench->da, "A1", item, &post, DEVIANTART_REPAIR_CATEGORY,
				       NULL, &published, &why));
}

static void
video_is_refused_with_code_8(void **state)
{
	struct deviantart_file video = sandbox_bench_small_file;
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	video.mime_type = "video/mp4";
	assert_true(sandbox_bench_submit(&sandbox_bench_plain, &video, NULL, item, &why));
	assert_false(sandbox_bench_publish(item, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_int_equal(why.error_code, 8);
	assert_non_null(strstr(why.message, "preview image"));
}

static void
folder_that_is_no_uuid_is_named_in_the_message(void **state)
{
	char folder[] = "12345";
	char *folders[] = {folder, NULL};
	struct deviantart_post post = {.title = "x", .gallery_ids = folders};
	struct deviantart_published published;
	char item[DEVIANTART_ITEM_SIZE];
	struct failure why;

	(void)state;
	sandbox_bench_submit_plain(item);
	assert_false(deviantart_publish(bench->da, "A1", item, &post, 0, NULL, &published, &why));
	assert_int_equal(why.category, FAILURE_VALIDATION_ERROR);
	assert_non_null(strstr(why.message, "galleryids"));
}

#define test(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, sandbox_bench_open, sandbox_bench_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		test(file_arrives_whole_and_is_published_with_all_fields),
		test(undocumented_fields_are_never_sent),
		test(item_is_replaced_in_place),
		test(gallery_and_metadata_tell_what_was_published),
		test(answers_may_be_padded_chunked_and_compressed),
		test(refresh_token_is_good_for_one_use),
		test(wrong_client_secret_is_the_operators_fault),
		test(unknown_access_token_is_token_expired),
		test(second_publish_is_code_9_and_unknown_item_code_7),
		test(category_is_repaired_by_leaving_it_out),
		test(video_is_refused_with_code_8),
		test(folder_that_is_no_uuid_is_named_in_the_message),
	};

	return cmocka_run_group_tests_name("deviantart", tests, sandbox_bench_start,
					   sandbox_bench_stop);
}

/*
 * http*.c, upload.c, deviantart*.c against a peer that misbehaves: what left this host, how often,
 * and what it came to. (The sandbox of test_deviantart.c plays DeviantArt; this one plays the
 * network.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "common/clock.h"
#include "tests/integration/peer.h"
#include "worker/deviantart/deviantart.h"

#define PUBLISHED                                                                                  \
	"{\"status\":\"success\",\"deviationid\":\"FCD30B6B-9173-A4E1-AB5B-81EEA06E2C86\"}"
#define SUBMITTED  "{\"status\":\"success\",\"itemid\":9007199254740993}"
#define EMPTY_PAGE "{\"results\":[],\"has_more\":false}"
#define TOKENS     "{\"access_token\":\"aa\",\"refresh_token\":\"rr\"}"

#define PUBLISH "/api/v1/oauth2/stash/publish"
#define SUBMIT  "/api/v1/oauth2/stash/submit"
#define GALLERY "/api/v1/oauth2/gallery/all"
#define TOKEN   "/oauth2/token"
#define OBJECT  "/bucket/"

#define MEGABYTE (1000 * 1000)

/* ---- the side that is tested ---- */

struct bench {
	struct peer peer;
	struct config config;
	struct http *http;
	struct storage *storage;
	struct deviantart *da;
};

static char text_id[] = "1234", text_secret[] = "client-secret-x", text_region[] = "auto";
static char text_key[] = "AKID", text_s3_secret[] = "s3-secret", text_bucket[] = "bucket";

static void
connect_to(struct bench *bench, char *url)
{
	bench->config = (struct config){
		.deviantart_client_id = text_id,
		.deviantart_client_secret = text_secret,
		.deviantart_base_url = url,
		.s3_endpoint = url,
		.s3_region = text_region,
		.s3_access_key_id = text_key,
		.s3_secret_access_key = text_s3_secret,
		.s3_bucket = text_bucket,
	};
	bench->http = http_new();
	bench->storage = storage_new(&bench->config);
	assert_non_null(bench->http);
	assert_non_null(bench->storage);
	bench->da = deviantart_new(&bench->config, bench->http, bench->storage);
	assert_non_null(bench->da);
}

static void
open_bench(struct bench *bench, const struct peer_rule *rules, size_t count)
{
	memset(bench, 0, sizeof(*bench));
	peer_start(&bench->peer, rules, count);
	connect_to(bench, bench->peer.url);
}

static void
close_bench(struct bench *bench)
{
	deviantart_free(bench->da);
	storage_free(bench->storage);
	http_free(bench->http);
	if (bench->peer.pid > 0)
		peer_stop(&bench->peer);
}

static const struct deviantart_post post = {.title = "Night"};

static bool
publish(struct bench *bench, const struct watch *watch, struct failure *why)
{
	struct deviantart_published published;

	return deviantart_publish(bench->da, "access-token-x", "77", &post, 0, watch, &published,
				  why);
}

static bool
gallery(struct bench *bench, const struct watch *watch, struct failure *why)
{
	struct deviantart_gallery_post posts[24];
	size_t count;
	bool more;

	return deviantart_gallery(bench->da, "access-token-x", 0, watch, posts, &count, &more, why);
}

static bool
refresh(struct bench *bench, struct failure *why)
{
	struct deviantart_tokens tokens;

	if (!deviantart_refresh(bench->da, "refresh-token-x", NULL, &tokens, why))
		return false;
	deviantart_tokens_clear(&tokens);
	return true;
}

static bool
submit(struct bench *bench, int64_t size, const struct watch *watch,
       char item[DEVIANTART_ITEM_SIZE], struct failure *why)
{
	struct deviantart_file file = {.storage_key = "u/cat.png",
				       .mime_type = "image/png",
				       .original_filename = "cat.png",
				       .size_bytes = size};

	return deviantart_submit(bench->da, "access-token-x", &post, &file, NULL, watch, NULL, NULL,
				 item, why);
}

static void
assert_no_secret(const struct failure *why)
{
	assert_null(strstr(why->message, "token-x"));
	assert_null(strstr(why->message, "secret"));
}

#define assert_category(why, wanted)                                                               \
	do {                                                                                       \
		if ((why).category != (wanted))                                                    \
			fail_msg("%s: %s, should be %s", failure_category_name((why).category),    \
				 (why).message, failure_category_name(wanted));                    \
		assert_no_secret(&(why));                                                          \
	} while (0)

/* The peer counts a request when it has read it, which may be a moment after the test gave up on
 * it. */
static void
wait_for_count(_Atomic int *count, int wanted)
{
	int64_t deadline_ms = clock_mono_ms() + 5000;

	while (*count < wanted && clock_mono_ms() < deadline_ms)
		usleep(1000);
	assert_int_equal(*count, wanted);
}

/* ---- nothing sent ---- */

static void
refused_connection_is_an_outage(void **state)
{
	struct bench bench = {.peer.pid = 0};
	struct failure why;
	char url[64], item[DEVIANTART_ITEM_SIZE];

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", peer_closed_port());
	connect_to(&bench, url);
	assert_false(publish(&bench, NULL, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	assert_true(why.outage);
	assert_false(refresh(&bench, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	assert_true(why.outage);
	assert_false(gallery(&bench, NULL, &why));
	assert_true(why.outage);
	assert_false(submit(&bench, 1000, NULL, item, &why)); /* the storage is asked first */
	assert_category(why, FAILURE_AWAY);
	close_bench(&bench);
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
		struct bench bench;
		struct failure why;

		open_bench(&bench, &kinds[i], 1);
		assert_false(publish(&bench, NULL, &why));
		assert_category(why, FAILURE_OUTCOME_UNKNOWN);
		assert_false(why.outage);
		wait_for_count(&bench.peer.count->requests[0], 1);
		close_bench(&bench);
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
		struct bench bench;
		struct failure why;

		open_bench(&bench, &kinds[i], 1);
		assert_false(refresh(&bench, &why));
		assert_category(why, FAILURE_NETWORK_ERROR);
		assert_false(why.outage);
		wait_for_count(&bench.peer.count->requests[0], 1);
		close_bench(&bench);
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
	struct bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	open_bench(&bench, rules, 2);
	assert_false(submit(&bench, 5000, NULL, item, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	assert_false(why.outage);
	close_bench(&bench);
}

/* ---- connections ---- */

static void
publish_uses_a_connection_of_its_own(void **state)
{
	static const struct peer_rule rules[] = {{.path = GALLERY, .body = EMPTY_PAGE},
						 {.path = PUBLISH, .body = PUBLISHED}};
	struct bench bench;
	struct failure why;

	(void)state;
	open_bench(&bench, rules, 2);
	assert_true(gallery(&bench, NULL, &why));
	assert_true(gallery(&bench, NULL, &why));
	assert_int_equal(bench.peer.count->connections, 1);
	assert_true(publish(&bench, NULL, &why));
	assert_true(publish(&bench, NULL, &why));
	assert_int_equal(bench.peer.count->connections, 3);
	assert_true(gallery(&bench, NULL, &why));
	assert_int_equal(bench.peer.count->connections, 3);
	http_rest(bench.http);
	assert_true(gallery(&bench, NULL, &why));
	assert_int_equal(bench.peer.count->connections, 4);
	close_bench(&bench);
}

static void
redirects_are_not_followed(void **state)
{
	char answer[256];
	struct bench elsewhere, bench;
	struct peer_rule trap = {.path = "/", .body = PUBLISHED};
	struct peer_rule rules[] = {{.path = PUBLISH, .answer = answer},
				    {.path = GALLERY, .answer = answer},
				    {.path = OBJECT, .answer = answer}};
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	open_bench(&elsewhere, &trap, 1);
	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 307 Go\r\nLocation: %s/x\r\nContent-Length: 0\r\n\r\n",
		 elsewhere.peer.url);
	open_bench(&bench, rules, 3);
	assert_false(publish(&bench, NULL, &why));
	assert_category(why, FAILURE_OUTCOME_UNKNOWN);
	assert_false(gallery(&bench, NULL, &why));
	assert_category(why, FAILURE_UNKNOWN);
	assert_false(submit(&bench, 10, NULL, item, &why));
	assert_category(why, FAILURE_AWAY);
	assert_int_equal(elsewhere.peer.count->connections, 0);
	close_bench(&bench);
	close_bench(&elsewhere);
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
	struct bench bench;
	struct failure why;

	(void)state;
	open_bench(&bench, rules, 2);
	assert_false(gallery(&bench, NULL, &why));
	assert_category(why, FAILURE_RATE_LIMIT);
	assert_int_equal(why.wait_ms, 17000);
	assert_false(publish(&bench, NULL, &why));
	assert_category(why, FAILURE_RATE_LIMIT);
	assert_int_equal(why.wait_ms, 300000);
	assert_int_equal(why.gate, FAILURE_GATE_APPLICATION);
	close_bench(&bench);
}

static long
private_kb(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long sum = 0, kb;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Private_Clean: %ld", &kb) == 1 ||
		    sscanf(line, "Private_Dirty: %ld", &kb) == 1)
			sum += kb;
	fclose(file);
	return sum;
}

#if defined(__SANITIZE_ADDRESS__)
#define MEASURES_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEASURES_MEMORY false
#endif
#endif
#ifndef MEASURES_MEMORY
#define MEASURES_MEMORY true
#endif

static char *
gzip_bomb(size_t inner_size, size_t *size)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
	static char zeros[65536];
	size_t capacity = inner_size / 500 + 65536;
	char *bomb = malloc(capacity);
	z_stream z = {0};

	assert_non_null(bomb);
	memcpy(bomb, head, sizeof(head) - 1);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = (Bytef *)bomb + sizeof(head) - 1;
	z.avail_out = (uInt)(capacity - sizeof(head) + 1);
	for (size_t done = 0; done < inner_size; done += sizeof(zeros)) {
		z.next_in = (Bytef *)zeros;
		z.avail_in = sizeof(zeros);
		assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
	}
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*size = capacity - z.avail_out;
	deflateEnd(&z);
	return bomb;
}

static void
large_answers_and_gzip_bombs_are_cut(void **state)
{
	struct peer_rule rules[] = {{.path = PUBLISH,
				     .answer = "HTTP/1.1 200 OK\r\n\r\n",
				     .filler_size = 50 * MEGABYTE,
				     .then = PEER_CLOSE},
				    {.path = GALLERY, .then = PEER_CLOSE}};
	struct bench bench;
	struct failure why;
	long before_kb;
	char *bomb = gzip_bomb(200 * MEGABYTE, &rules[1].answer_size);

	(void)state;
	rules[1].answer = bomb;
	open_bench(&bench, rules, 2);
	before_kb = private_kb();
	assert_false(publish(&bench, NULL, &why));
	assert_category(why, FAILURE_OUTCOME_UNKNOWN);
	assert_non_null(strstr(why.message, "too long"));
	assert_false(gallery(&bench, NULL, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	assert_non_null(strstr(why.message, "too long"));
	if (MEASURES_MEMORY)
		assert_in_range(private_kb() - before_kb + 8000, 0, 8000 + 4000);
	close_bench(&bench);
	free(bomb);
}

/* ---- submit: the storage first, the whole file or nothing ---- */

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
		struct bench bench;
		struct failure why;
		char item[DEVIANTART_ITEM_SIZE] = "none";

		open_bench(&bench, rules, 2);
		assert_false(submit(&bench, 1000, NULL, item, &why));
		assert_category(why, kinds[i].category);
		if (strstr(why.message, kinds[i].words) == NULL)
			fail_msg("%s: lacks %s", why.message, kinds[i].words);
		assert_string_equal(item, "none");
		assert_int_equal(bench.peer.count->requests[1], 0);
		close_bench(&bench);
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
		struct bench bench;
		struct failure why;
		char item[DEVIANTART_ITEM_SIZE];

		open_bench(&bench, rules, 2);
		assert_false(submit(&bench, 4 * MEGABYTE, NULL, item, &why));
		assert_category(why, FAILURE_AWAY);
		assert_int_equal(bench.peer.count->whole[1], 0);
		close_bench(&bench);
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
	struct bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	open_bench(&bench, rules, 2);
	assert_false(submit(&bench, 30 * MEGABYTE, NULL, item, &why));
	assert_category(why, FAILURE_RATE_LIMIT);
	assert_int_equal(why.gate, FAILURE_GATE_USER);
	close_bench(&bench);
}

static void
success_before_the_whole_file_is_no_success(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n",
		 .filler_size = 30 * MEGABYTE},
		{.path = SUBMIT, .body = SUBMITTED, .at_once = true, .then = PEER_CLOSE}};
	struct bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	open_bench(&bench, rules, 2);
	assert_false(submit(&bench, 30 * MEGABYTE, NULL, item, &why));
	assert_category(why, FAILURE_NETWORK_ERROR);
	close_bench(&bench);
}

static void
large_file_needs_little_memory(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 120000000\r\n\r\n",
		 .filler_size = 120 * (int64_t)MEGABYTE},
		{.path = SUBMIT, .body = SUBMITTED}};
	struct bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];
	long before_kb;

	(void)state;
	open_bench(&bench, rules, 2);
	before_kb = private_kb();
	for (int i = 0; i < 3; i++) {
		if (!submit(&bench, 120 * (int64_t)MEGABYTE, NULL, item, &why))
			fail_msg("%s", why.message);
		assert_string_equal(item, "9007199254740993");
	}
	assert_true(bench.peer.count->bytes[1] > 3 * 120 * (int64_t)MEGABYTE);
	assert_int_equal(bench.peer.count->whole[1], 3);
	assert_int_equal(bench.peer.count->connections, 2);
	print_message("private memory: %ld kB, %+ld kB for 3 x 120 MB\n", private_kb(),
		      private_kb() - before_kb);
	if (MEASURES_MEMORY) {
		/* What it grows by: the libraries' own share differs between releases of them. */
		assert_in_range(private_kb() - before_kb + 8000, 0, 8000 + 1000);
	}
	close_bench(&bench);
}

/* ---- the watch ---- */

struct stopper {
	int64_t after_ms; /* from the first question; -1: never */
	int64_t first_ms;
	_Atomic int *until; /* and not before this counter is raised */
	enum failure_category category;
	int asked;
};

static bool
ask(void *arg, struct failure *why)
{
	struct stopper *stopper = arg;
	int64_t now_ms = clock_mono_ms();

	if (stopper->asked++ == 0)
		stopper->first_ms = now_ms;
	if (stopper->after_ms < 0 || now_ms - stopper->first_ms < stopper->after_ms ||
	    (stopper->until != NULL && *stopper->until == 0))
		return true;
	return failure_set(why, stopper->category, "asked to stop");
}

static void
stop_before_anything_is_sent_sends_nothing(void **state)
{
	static const struct peer_rule rules[] = {{.path = "/", .body = PUBLISHED}};
	struct stopper stopper = {.category = FAILURE_STOPPED};
	struct watch watch = {.wake_fd = -1, .go_on = ask, .arg = &stopper};
	struct bench bench;
	struct failure why;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	open_bench(&bench, rules, 1);
	assert_false(publish(&bench, &watch, &why));
	assert_category(why, FAILURE_STOPPED);
	assert_false(submit(&bench, 1000, &watch, item, &why));
	assert_category(why, FAILURE_STOPPED);
	assert_int_equal(bench.peer.count->requests[0], 0);
	close_bench(&bench);
}

static void
stop_after_publish_was_sent_leaves_it_unknown(void **state)
{
	static const struct peer_rule rules[] = {{.path = PUBLISH, .then = PEER_HANG}};
	static const enum failure_category given[] = {FAILURE_STOPPED, FAILURE_LOST};
	static const enum failure_category expected[] = {FAILURE_OUTCOME_UNKNOWN, FAILURE_LOST};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct bench bench;
		struct failure why;
		struct stopper stopper = {.category = given[i]};
		struct watch watch = {.wake_fd = -1, .go_on = ask, .arg = &stopper};

		open_bench(&bench, rules, 1);
		stopper.until = &bench.peer.count->whole[0];
		assert_false(publish(&bench, &watch, &why));
		assert_category(why, expected[i]);
		assert_non_null(strstr(why.message, "asked to stop"));
		close_bench(&bench);
	}
}

static void
stop_in_mid_upload_stops(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n",
		 .filler_size = 100 * MEGABYTE},
		{.path = SUBMIT, .at_once = true, .then = PEER_HANG}};
	struct bench bench;
	struct failure why;
	struct stopper stopper = {.category = FAILURE_STOPPED};
	struct watch watch = {.wake_fd = -1, .go_on = ask, .arg = &stopper};
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	open_bench(&bench, rules, 2);
	stopper.until = &bench.peer.count->requests[1];
	assert_false(submit(&bench, 100 * MEGABYTE, &watch, item, &why));
	assert_category(why, FAILURE_STOPPED);
	close_bench(&bench);
}

static int64_t
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A byte in the pipe, or its end: the watch is asked at once, and the loop does not spin on what it
 * leaves there. */
static void
wake_asks_at_once_and_never_spins(void **state)
{
	static const struct peer_rule rules[] = {{.path = GALLERY, .then = PEER_HANG}};

	(void)state;
	for (int closes = 0; closes < 2; closes++) {
		struct bench bench;
		struct failure why;
		struct stopper stopper = {.category = FAILURE_STOPPED, .after_ms = 1500};
		struct watch watch = {.go_on = ask, .arg = &stopper};
		int64_t started_cpu_ms;
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
		watch.wake_fd = ends[0];
		if (closes)
			close(ends[1]);
		else
			assert_int_equal(write(ends[1], "d", 1), 1);
		open_bench(&bench, rules, 1);
		started_cpu_ms = cpu_ms();
		assert_false(gallery(&bench, &watch, &why));
		assert_category(why, FAILURE_STOPPED);
		assert_in_range(stopper.asked, 3, 12);
		assert_in_range(cpu_ms() - started_cpu_ms, 0, 300);
		close_bench(&bench);
		close(ends[0]);
		if (!closes)
			close(ends[1]);
	}
}

/* The pipe brings the time at which the order was written. */
struct pipe_reader {
	int fd;
	int64_t late_ms;
};

static bool
ask_pipe(void *arg, struct failure *why)
{
	struct pipe_reader *reader = arg;
	int64_t written_ms;

	if (read(reader->fd, &written_ms, sizeof(written_ms)) != sizeof(written_ms))
		return true;
	reader->late_ms = clock_mono_ms() - written_ms;
	return failure_set(why, FAILURE_STOPPED, "asked to stop");
}

static void
write_order_later(const _Atomic int *requests, int fd)
{
	int64_t deadline_ms = clock_mono_ms() + 5000, now_ms;

	if (fork() != 0)
		return;
	while (*requests == 0 && clock_mono_ms() < deadline_ms)
		usleep(1000);
	usleep(20000); /* the transfer waits for its answer by now */
	now_ms = clock_mono_ms();
	_exit(write(fd, &now_ms, sizeof(now_ms)) == sizeof(now_ms) ? 0 : 1);
}

/* The usual pace alone would be late by 200 ms on average; one in five is given to a busy machine.
 */
static void
order_on_the_pipe_ends_a_transfer_in_milliseconds(void **state)
{
	static const struct peer_rule rules[] = {{.path = GALLERY, .then = PEER_HANG}};
	int prompt = 0;

	(void)state;
	for (int round = 0; round < 5; round++) {
		struct pipe_reader reader = {.late_ms = INT64_MAX};
		struct watch watch = {.go_on = ask_pipe, .arg = &reader};
		struct bench bench;
		struct failure why;
		int ends[2];

		assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
		reader.fd = watch.wake_fd = ends[0];
		open_bench(&bench, rules, 1);
		write_order_later(&bench.peer.count->requests[0], ends[1]);
		assert_false(gallery(&bench, &watch, &why));
		assert_category(why, FAILURE_STOPPED);
		prompt += reader.late_ms < 50;
		close_bench(&bench);
		close(ends[0]);
		close(ends[1]);
	}
	assert_in_range(prompt, 4, 5);
}

/* ---- what is sent ---- */

static void
requests_carry_what_deviantart_asks_for(void **state)
{
	static const struct peer_rule rules[] = {
		{.path = OBJECT,
		 .answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"},
		{.path = SUBMIT, .body = SUBMITTED},
		{.path = PUBLISH, .body = PUBLISHED},
		{.path = TOKEN, .body = TOKENS}};
	struct bench bench;
	struct failure why;
	struct peer_count *count;
	char item[DEVIANTART_ITEM_SIZE];

	(void)state;
	open_bench(&bench, rules, 4);
	count = bench.peer.count;
	assert_true(submit(&bench, 10, NULL, item, &why));
	assert_true(publish(&bench, NULL, &why));
	assert_true(refresh(&bench, &why));
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
	close_bench(&bench);
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
	struct bench bench;
	struct failure why;

	(void)state;
	open_bench(&bench, rules, 1);
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
	close_bench(&bench);
}

static void
unusable_tokens_and_items_are_not_sent(void **state)
{
	static const struct peer_rule rules[] = {{.path = "/", .body = PUBLISHED}};
	static const char *const bad_items[] = {"", "12a", "-1", "1&x=2",
						"123456789012345678901234567890"};
	struct deviantart_published published;
	struct bench bench;
	struct failure why;

	(void)state;
	open_bench(&bench, rules, 1);
	assert_false(deviantart_publish(bench.da, "a\r\nX-Evil: 1", "77", &post, 0, NULL,
					&published, &why));
	assert_category(why, FAILURE_TOKEN_EXPIRED);
	assert_false(deviantart_publish(bench.da, "", "77", &post, 0, NULL, &published, &why));
	assert_category(why, FAILURE_TOKEN_EXPIRED);
	for (size_t i = 0; i < sizeof(bad_items) / sizeof(bad_items[0]); i++) {
		assert_false(deviantart_publish(bench.da, "t", bad_items[i], &post, 0, NULL,
						&published, &why));
		assert_category(why, FAILURE_VALIDATION_ERROR);
	}
	assert_int_equal(bench.peer.count->requests[0], 0);
	close_bench(&bench);
}

/* ---- secrets ---- */

/* How often the text, given with every byte inverted, stands in our own writable memory. */
static int
count_in_memory(const unsigned char *inverted, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char line[512];
	int found = 0;

	assert_non_null(maps);
	assert_true(memory >= 0);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;
		char access[5];
		unsigned char *copy;
		ssize_t got;

		if (sscanf(line, "%lx-%lx %4s", &from, &to, access) != 3 ||
		    strcmp(access, "rw-p") != 0)
			continue;
		copy = mmap(NULL, to - from, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			    0); /* shared: not looked at itself */
		assert_true(copy != MAP_FAILED);
		got = pread(memory, copy, to - from, (off_t)from);
		for (ssize_t at = 0; at + (ssize_t)size <= got; at++) {
			size_t same = 0;

			while (same < size && copy[at + (ssize_t)same] == (inverted[same] ^ 0xFFU))
				same++;
			found += same == size;
		}
		munmap(copy, to - from);
	}
	fclose(maps);
	close(memory);
	return found;
}

/* Requests are made of it, answers hold it; when they are over, no copy is left behind in freed
 * memory. */
static void
no_token_stays_in_memory(void **state)
{
	static const char answer[] = "{\"access_token\":\"%s\",\"refresh_token\":\"%s\"}";
	static const struct peer_rule publish_rule = {.path = PUBLISH, .body = PUBLISHED};
	struct peer_rule rules[] = {publish_rule, {.path = TOKEN}};
	struct deviantart_published published;
	struct deviantart_tokens tokens;
	unsigned char inverted[32];
	char *token, *body;
	struct bench bench;
	struct failure why;

	(void)state;
	if (!MEASURES_MEMORY)
		skip();
	token = malloc(sizeof(inverted) + 1);
	body = malloc(256);
	assert_non_null(token);
	assert_non_null(body);
	for (size_t i = 0; i < sizeof(inverted); i++)
		inverted[i] = (unsigned char)~(unsigned int)('a' + (i * 7) % 26);
	for (size_t i = 0; i < sizeof(inverted); i++)
		token[i] = (char)~inverted[i];
	token[sizeof(inverted)] = '\0';
	snprintf(body, 256, answer, token, token);
	rules[1].body = body;
	open_bench(&bench, rules, 2);
	explicit_bzero(body, 256);
	assert_int_equal(count_in_memory(inverted, sizeof(inverted)), 1);
	assert_true(deviantart_publish(bench.da, token, "77", &post, 0, NULL, &published, &why));
	assert_true(deviantart_refresh(bench.da, token, NULL, &tokens, &why));
	assert_string_equal(tokens.access_token, token);
	assert_true(count_in_memory(inverted, sizeof(inverted)) >= 3);
	deviantart_tokens_clear(&tokens);
	assert_int_equal(count_in_memory(inverted, sizeof(inverted)), 1);
	explicit_bzero(token, sizeof(inverted));
	free(token);
	free(body);
	close_bench(&bench);
}

static int
load_libraries(void **state)
{
	(void)state;
	return http_global_init(NULL) ? 0 : -1;
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
		cmocka_unit_test(large_answers_and_gzip_bombs_are_cut),
		cmocka_unit_test(storage_faults_cost_nothing_at_deviantart),
		cmocka_unit_test(truncated_object_is_never_submitted),
		cmocka_unit_test(refusal_in_mid_upload_is_heard),
		cmocka_unit_test(success_before_the_whole_file_is_no_success),
		cmocka_unit_test(large_file_needs_little_memory),
		cmocka_unit_test(stop_before_anything_is_sent_sends_nothing),
		cmocka_unit_test(stop_after_publish_was_sent_leaves_it_unknown),
		cmocka_unit_test(stop_in_mid_upload_stops),
		cmocka_unit_test(wake_asks_at_once_and_never_spins),
		cmocka_unit_test(order_on_the_pipe_ends_a_transfer_in_milliseconds),
		cmocka_unit_test(requests_carry_what_deviantart_asks_for),
		cmocka_unit_test(publish_sends_what_the_row_says),
		cmocka_unit_test(unusable_tokens_and_items_are_not_sent),
		cmocka_unit_test(no_token_stays_in_memory),
	};

	return cmocka_run_group_tests_name("http_faults", tests, load_libraries, NULL);
}

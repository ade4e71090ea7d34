/*
 * http_bench.c - one side of an HTTP exchange is ours, the other a peer that misbehaves.
 */
#include "tests/integration/http_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/http/http.h"

static char text_id[] = "1234", text_secret[] = "client-secret-x", text_region[] = "auto";
static char text_key[] = "AKID", text_s3_secret[] = "s3-secret", text_bucket[] = "bucket";

void
http_bench_connect(struct http_bench *bench, char *url)
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

void
http_bench_open(struct http_bench *bench, const struct peer_rule *rules, size_t count)
{
	memset(bench, 0, sizeof(*bench));
	peer_start(&bench->peer, rules, count);
	http_bench_connect(bench, bench->peer.url);
}

void
http_bench_close(struct http_bench *bench)
{
	deviantart_free(bench->da);
	storage_free(bench->storage);
	http_free(bench->http);
	if (bench->peer.pid > 0)
		peer_stop(&bench->peer);
}

const struct deviantart_post http_bench_post = {.title = "Night"};

bool
http_bench_publish(struct http_bench *bench, const struct watch *watch, struct failure *why)
{
	struct deviantart_published published;

	return deviantart_publish(bench->da, "access-token-x", "77", &http_bench_post, 0, watch,
				  &published, why);
}

bool
http_bench_gallery(struct http_bench *bench, const struct watch *watch, struct failure *why)
{
	struct deviantart_gallery_post posts[24];
	size_t count;
	bool more;

	return deviantart_gallery(bench->da, "access-token-x", 0, watch, posts, &count, &more, why);
}

bool
http_bench_refresh(struct http_bench *bench, struct failure *why)
{
	struct deviantart_tokens tokens;

	if (!deviantart_refresh(bench->da, "refresh-token-x", NULL, &tokens, why))
		return false;
	deviantart_tokens_clear(&tokens);
	return true;
}

bool
http_bench_submit(struct http_bench *bench, int64_t size, const struct watch *watch,
		  char item[DEVIANTART_ITEM_SIZE], struct failure *why)
{
	struct deviantart_file file = {.storage_key = "u/cat.png",
				       .mime_type = "image/png",
				       .original_filename = "cat.png",
				       .size_bytes = size};

	return deviantart_submit(bench->da, "access-token-x", &http_bench_post, &file, NULL, watch,
				 NULL, NULL, item, why);
}

static void
assert_no_secret(const struct failure *why)
{
	assert_null(strstr(why->message, "token-x"));
	assert_null(strstr(why->message, "secret"));
}

void
http_bench_assert_category(const struct failure *why, enum failure_category wanted,
			   const char *file, int line)
{
	if (why->category != wanted) {
		print_error("%s: %s, should be %s\n", failure_category_name(why->category),
			    why->message, failure_category_name(wanted));
		_fail(file, line);
	}
	assert_no_secret(why);
}

void
http_bench_wait_for_count(_Atomic int *count, int wanted)
{
	int64_t deadline_ms = clock_mono_ms() + 5000;

	while (*count < wanted && clock_mono_ms() < deadline_ms)
		usleep(1000);
	assert_int_equal(*count, wanted);
}

int
http_bench_load_libraries(void **state)
{
	(void)state;
	return http_global_init(NULL) ? 0 : -1;
}

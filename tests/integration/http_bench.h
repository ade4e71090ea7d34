#ifndef TESTS_INTEGRATION_HTTP_BENCH_H
#define TESTS_INTEGRATION_HTTP_BENCH_H
/*
 * http_bench.h - one side of an HTTP exchange is ours, the other a peer (peer.h) that misbehaves.
 *
 * For cmocka: what cannot be set up fails the test. The secrets in use contain "token-x" or
 * "secret", so that a message that tells one is seen.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/failure.h"
#include "tests/integration/peer.h"
#include "worker/deviantart/deviantart.h"

/* Where each request goes, and what a friendly peer says to it. */
#define PUBLISH "/api/v1/oauth2/stash/publish"
#define SUBMIT  "/api/v1/oauth2/stash/submit"
#define GALLERY "/api/v1/oauth2/gallery/all"
#define TOKEN   "/oauth2/token"
#define OBJECT  "/bucket/"

#define PUBLISHED                                                                                  \
	"{\"status\":\"success\",\"deviationid\":\"FCD30B6B-9173-A4E1-AB5B-81EEA06E2C86\"}"
#define SUBMITTED  "{\"status\":\"success\",\"itemid\":9007199254740993}"
#define EMPTY_PAGE "{\"results\":[],\"has_more\":false}"
#define TOKENS     "{\"access_token\":\"aa\",\"refresh_token\":\"rr\"}"

#define MEGABYTE (1000 * 1000)

struct http_bench {
	struct peer peer;
	struct config config;
	struct http *http;
	struct storage *storage;
	struct deviantart *da;
};

/* Set-up of a group: libcurl and its certificates, once a process. */
int http_bench_load_libraries(void **state);

/* A peer that plays the rules, and our side of it. */
void http_bench_open(struct http_bench *bench, const struct peer_rule *rules, size_t count);
/* Our side only, of somebody at this URL (borrowed). */
void http_bench_connect(struct http_bench *bench, char *url);
void http_bench_close(struct http_bench *bench);

/* What is published by all of these. */
extern const struct deviantart_post http_bench_post;

bool http_bench_publish(struct http_bench *bench, const struct watch *watch, struct failure *why);
bool http_bench_gallery(struct http_bench *bench, const struct watch *watch, struct failure *why);
bool http_bench_refresh(struct http_bench *bench, struct failure *why);
/* A file of that many bytes, of which the storage is asked first. */
bool http_bench_submit(struct http_bench *bench, int64_t size, const struct watch *watch,
		       char item[DEVIANTART_ITEM_SIZE], struct failure *why);

/* The failure is of this category, and its message tells no secret. */
#define assert_category(why, wanted) http_bench_assert_category(&(why), wanted, __FILE__, __LINE__)
void http_bench_assert_category(const struct failure *why, enum failure_category wanted,
				const char *file, int line);

/* The peer counts a request when it has read it, which may be a moment after the test gave up on
 * it. */
void http_bench_wait_for_count(_Atomic int *count, int wanted);

#endif

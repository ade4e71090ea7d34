#ifndef TESTS_INTEGRATION_SANDBOX_BENCH_H
#define TESTS_INTEGRATION_SANDBOX_BENCH_H
/*
 * sandbox_bench.h - one side of an exchange is ours, the other is build/deviantart-sandbox, site
 * and storage.
 *
 * For cmocka: what cannot be set up fails the test. One sandbox a program, in a directory of its
 * own; before each test it is reset and knows one artist, whose access token is "A1" and whose
 * refresh token is "R1".
 */
#include <stdbool.h>

#include "common/config.h"
#include "common/failure.h"
#include "worker/deviantart/deviantart.h"

/* The storage's objects: one of 1000 bytes under a name that has to be escaped, "big.png", and
 * "short.png" of 999 bytes. */
#define SANDBOX_BENCH_STRANGE_KEY "user 1/p=(1)+@,&\xC3\xA9.png"
#define SANDBOX_BENCH_BIG_SIZE    (5 * 1000 * 1000)
extern char sandbox_bench_big_sha256[65];

/* Our side. A test may change its settings; each test has it anew. */
extern struct sandbox_bench {
	struct config config;
	struct http *http;
	struct storage *storage;
	struct deviantart *da;
} sandbox_bench;

/* Set-up and tear-down of a group, and of each test. */
int sandbox_bench_start(void **state);
int sandbox_bench_stop(void **state);
int sandbox_bench_open(void **state);
int sandbox_bench_close(void **state);

/* GET, or POST with a body, of /_sandbox/...; the answer: free(). */
char *sandbox_bench_control(const char *path, const char *body);
/* The same where nobody wants to hear the answer. */
void sandbox_bench_tell(const char *path, const char *body);

/* Nobody's. */
extern char sandbox_bench_wrong_secret[];

extern const struct deviantart_post sandbox_bench_plain;
extern const struct deviantart_file sandbox_bench_small_file;

/* The artist's requests. replace: NULL, or the item that gets another file. */
bool sandbox_bench_submit(const struct deviantart_post *post, const struct deviantart_file *file,
			  const char *replace, char item[DEVIANTART_ITEM_SIZE],
			  struct failure *why);
void sandbox_bench_submit_plain(char item[DEVIANTART_ITEM_SIZE]);
bool sandbox_bench_publish(const char *item, struct failure *why);

#endif

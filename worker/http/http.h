#ifndef WORKER_HTTP_HTTP_H
#define WORKER_HTTP_HTTP_H
/*
 * http.h - HTTP requests under a watch.                                [worker]
 *
 * libcurl stays inside http*.c, storage.c, upload.c and deviantart*.c. Every transfer runs in a
 * multi handle that also polls the pipe on which the supervisor speaks, so that a stop, a lost
 * lease or the job's deadline ends it at once. Hardening as in s3-libcurl.md 8; HTTP/1.1; no
 * redirects, no proxy from the environment, NOSIGNAL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"

/*
 * Asked before a transfer, about twice a second during it, and whenever wake_fd is readable or at
 * its end: may it go on? False with *why set (FAILURE_STOPPED, FAILURE_LOST) aborts it, and *why
 * becomes the transfer's failure. The callback also renews the job's lease when that is due. It
 * need not read wake_fd empty: a descriptor that stays readable is asked about with the usual pace
 * only. NULL watch or NULL go_on: always.
 */
struct watch {
	int wake_fd; /* -1: none */
	bool (*go_on)(void *arg, struct failure *why);
	void *arg;
};

struct http; /* the process' handles and connection cache; one a worker */

/*
 * Once in the supervisor, before the first fork: curl_global_init and the CA store, so that pages
 * stay shared (speed.md 2-4). The certificates come from $SSL_CERT_FILE if that is set, else from
 * where libcurl was built to look for them. libcurl's memory is wiped when it is freed, for it held
 * tokens and keys. False: libcurl does not start, or $SSL_CERT_FILE cannot be read.
 */
bool http_global_init(struct failure *why);

/*
 * Whether libcrypto gives random numbers in this process: libcurl asks for some in every upload and
 * TLS handshake. A generator that is denied memory while it seeds itself anew (in a new child, then
 * by time and use) may never work again in its process. The first call in a child seeds both.
 */
bool http_crypto_works(void);

/* NULL: out of memory. Sets SIGPIPE to be ignored in this process, as NOSIGNAL asks for. */
struct http *http_new(void);
void http_free(struct http *http);
/* Closes idle connections (a worker that rests holds none longer than needed). */
void http_rest(struct http *http);

/*
 * A Retry-After value (RFC 9110, 10.2.3: seconds or an HTTP date) in ms from now, clamped to 0..24
 * h: negative numbers and dates in the past are 0, fractions count. -1: unreadable, or NULL. Pure.
 */
int64_t http_retry_after_ms(const char *value, int64_t now_wall_ms);

#endif

#ifndef WORKER_HTTP_HTTP_INTERNAL_H
#define WORKER_HTTP_HTTP_INTERNAL_H
/*
 * http_internal.h - one request and its answer, for those who use libcurl.   [worker]
 *
 * Included by http*.c, storage.c, upload.c and deviantart*.c only. An exchange is opened, given
 * options and headers, started, pumped until it is done, and closed; each has an easy handle of its
 * own, so that nothing of one user (a token, a body) stays for the next. Connections, names and TLS
 * sessions are shared through struct http.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "common/failure.h"
#include "worker/http/answer.h"
#include "worker/http/http.h"

#define HTTP_BUFFER_SIZE (16 * 1024) /* both ways; larger is not faster (speed.md, 6) */
#define HTTP_BODY_LIMIT  (1024 * 1024)
#define HTTP_LOOK_MS     400 /* how often a watch is asked during a transfer */
#define HTTP_UNHEARD_MS  15000
#define HTTP_SOCKETS     32

/* What an answer's body is kept in. One byte more than size is there, and is NUL. */
struct http_body {
	char *data; /* NULL before there is room for any */
	size_t size, capacity, limit;
	bool cut;    /* more came than limit */
	bool denied; /* there was no memory for all of it */
};

struct http_exchange {
	struct http *http;
	CURL *easy;
	struct curl_slist *headers; /* may hold a token: wiped in close */
	curl_mime *mime;            /* freed in close */
	bool started, done;
	int kept_fd;   /* http_socket.c: the kept connection that it goes out on; -1: a new one */
	CURLcode code; /* valid when done */
	char error[CURL_ERROR_SIZE];

	struct http_body body;
	char content_type[96];
	int64_t retry_after_ms; /* -1: none */
};

/*
 * Opens an exchange for GET with every hardening option set, the answer kept up to HTTP_BODY_LIMIT.
 * https, or http where the URL says so. *x needs no initialisation, and may be closed in any case.
 * False: FAILURE_AWAY, out of memory.
 */
bool http_exchange_open(struct http_exchange *x, struct http *http, const char *url,
			struct failure *why);

/* Adds "Name: value". The value is refused (VALIDATION_ERROR) if it could break out of its line. */
bool http_exchange_header(struct http_exchange *x, const char *name, const char *value,
			  struct failure *why);

/* A connection that no other request used before; set_fresh: or uses after (s3-libcurl.md 6). */
void http_exchange_set_new(struct http_exchange *x);
void http_exchange_set_fresh(struct http_exchange *x);

/* Whole limit and limit for connecting, in ms. */
void http_exchange_set_limits(struct http_exchange *x, long connect_ms, long whole_ms);

bool http_exchange_start(struct http_exchange *x, struct failure *why);

/*
 * One turn for all started exchanges: wait for something to do (at most wait_ms and HTTP_LOOK_MS),
 * ask the watch when that is due, let libcurl work, note which exchanges are done. False: the watch
 * said no (its *why), or libcurl is out of memory (AWAY).
 */
bool http_pump(struct http *http, const struct watch *watch, int wait_ms, struct failure *why);

/* Starts and pumps until it is done. False: *why as above; the exchange is then cut off. */
bool http_exchange_run(struct http_exchange *x, const struct watch *watch, struct failure *why);

/* Cuts a running exchange off as if libcurl had: done, CURLE_OPERATION_TIMEDOUT, `text` as its
 * error. */
void http_exchange_cut(struct http_exchange *x, const char *text);

/*
 * Cuts a running exchange on a kept connection off, as if that had been reset, if the other side's
 * kernel has acknowledged nothing of what was sent for HTTP_UNHEARD_MS. given_ms (CLOCK_MONOTONIC):
 * when it was last given something to send. Called again and again.
 */
void http_exchange_cut_if_unheard(struct http_exchange *x, int64_t given_ms);

/* Room for so many bytes of a body before any of it is there. False: out of memory. */
bool http_body_reserve(struct http_body *body, size_t size);

/* Keeps more of a body. False: over its limit (cut is set) or out of memory. */
bool http_body_append(struct http_body *body, const char *data, size_t size);

/* Did anything of the request leave this host? Also while it runs, and after a cut. */
bool http_exchange_sent(const struct http_exchange *x);
int http_exchange_status(const struct http_exchange *x);

/*
 * Did it go out on a kept connection that ended before anything of the answer came? Then most
 * likely that was dead already, and nobody failed: who may send twice sends it again on a new one.
 */
bool http_exchange_met_dead_connection(const struct http_exchange *x);

/* What classify_answer() wants to know; borrows from *x. */
struct answer http_exchange_answer(const struct http_exchange *x, enum endpoint endpoint);

/* Cuts it off if it still runs, wipes and frees everything. Fine on a closed or zeroed exchange. */
void http_exchange_close(struct http_exchange *x);

/* Parts of struct http, for http_exchange.c. look_now: the watch is asked before anything else
 * happens. */
CURLM *http_multi(struct http *http);
CURLSH *http_share(struct http *http);
void http_look_now(struct http *http);
/* For http_socket.c: numbers that were sockets of libcurl's; some may be others' by now. */
struct http_sockets {
	int fds[HTTP_SOCKETS];
	size_t count;
};
struct http_sockets *http_sockets(struct http *http);

/* FAILURE_AWAY, "out of memory". Returns false. */
bool http_no_memory(struct failure *why);

/*
 * http_socket.c: a kept connection that is gone without a word. While an answer is waited for on
 * one, the kernel looks whether the other side is there, and sends a second probe if not.
 * is_unheard: has nothing been acknowledged for HTTP_UNHEARD_MS, although something was to be? An
 * idle connection is heard of as rarely: who has just sent something asks later. Never so on a
 * connection that was made for the exchange.
 */
void http_socket_watch(struct http_exchange *x);
bool http_socket_is_unheard(const struct http_exchange *x);

/* http_tls.c: the shared certificates. Both do nothing where libcurl does not use OpenSSL. */
bool http_tls_load(struct failure *why);
void http_tls_apply(CURL *easy);

#endif

/*
 * http_exchange.c - one request and its answer.                        [worker]
 *
 * Invariant: a body is never larger than its limit in memory, however it came (no length, chunked,
 * compressed), and a header with a token exists only between http_exchange_header() and _close().
 */
#include "worker/http/http_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"

#ifndef PUBLISHER_VERSION
#define PUBLISHER_VERSION "development"
#endif

/*
 * Idle connections younger than this are used again. Servers close theirs after a minute or so;
 * well below that, an upload (which libcurl cannot repeat) seldom meets a connection that is just
 * being closed, and has to be begun again.
 */
#define KEEP_CONNECTION_S 30L

/* ---- Retry-After ---- */

#define DAY_MS (24LL * 3600 * 1000)

static int64_t
clamp_wait(double ms)
{
	if (!(ms > 0))
		return 0;
	return ms < (double)DAY_MS ? (int64_t)ms : DAY_MS;
}

int64_t
http_retry_after_ms(const char *value, int64_t now_wall_ms)
{
	const char *end;
	char *after_number;
	double seconds;
	time_t date;

	if (value == NULL)
		return -1;
	value += strspn(value, " \t");
	end = value + strspn(value, "+-.0123456789");
	end += strspn(end, " \t\r\n");
	if (*value == '\0')
		return -1;
	if (*end == '\0') { /* nothing but a number: digits, one sign, one point */
		seconds = strtod(value, &after_number);
		after_number += strspn(after_number, " \t\r\n");
		return *after_number == '\0' ? clamp_wait(seconds * 1000.0) : -1;
	}
	if ((*value >= '0' && *value <= '9') || strchr(value, ':') == NULL)
		return -1; /* an HTTP date begins with its weekday and has a time of day */
	date = curl_getdate(value, NULL);
	if (date == (time_t)-1)
		return -1;
	return clamp_wait((double)date * 1000.0 - (double)now_wall_ms);
}

/* ---- what libcurl hands us ---- */

static bool
body_grow(struct http_body *body, size_t more)
{
	size_t wanted = body->size + more + 1;
	size_t capacity = body->capacity > 0 ? body->capacity : 1024;
	char *bigger;

	if (wanted <= body->capacity)
		return true;
	while (capacity < wanted)
		capacity *= 2;
	bigger = malloc(capacity);
	if (bigger == NULL)
		return false;
	if (body->data != NULL) {
		memcpy(bigger, body->data, body->size);
		explicit_bzero(body->data, body->size); /* it may hold tokens */
		free(body->data);
	}
	body->data = bigger;
	body->capacity = capacity;
	return true;
}

bool
http_body_reserve(struct http_body *body, size_t size)
{
	if (!body_grow(body, size))
		return false;
	body->data[body->size] = '\0';
	return true;
}

bool
http_body_append(struct http_body *body, const char *data, size_t size)
{
	if (size > body->limit - body->size) {
		body->cut = true;
		return false;
	}
	if (!body_grow(body, size)) {
		body->denied = true;
		return false;
	}
	memcpy(body->data + body->size, data, size);
	body->size += size;
	body->data[body->size] = '\0';
	return true;
}

static size_t
on_body(char *data, size_t one, size_t size, void *arg)
{
	(void)one;
	return http_body_append(arg, data, size) ? size : CURL_WRITEFUNC_ERROR;
}

static bool
header_value(char *out, size_t out_size, const char *line, size_t size, const char *name)
{
	size_t skip = strlen(name);

	if (size <= skip || strncasecmp(line, name, skip) != 0 || line[skip] != ':')
		return false;
	for (skip++; skip < size && (line[skip] == ' ' || line[skip] == '\t');)
		skip++;
	while (size > skip && strchr(" \t\r\n", line[size - 1]) != NULL)
		size--;
	if (size - skip >= out_size)
		size = skip + out_size - 1;
	memcpy(out, line + skip, size - skip);
	out[size - skip] = '\0';
	return true;
}

/* CURLINFO_RETRY_AFTER mistakes some dates for numbers and loses negatives (s3-libcurl.md 7). */
static size_t
on_header(char *line, size_t one, size_t size, void *arg)
{
	struct http_exchange *x = arg;
	char value[80];

	(void)one;
	if (size > 5 && memcmp(line, "HTTP/", 5) ==
				0) { /* an answer begins; an interim one before it is over */
		x->retry_after_ms = -1;
		x->content_type[0] = '\0';
	} else if (header_value(value, sizeof(value), line, size, "Retry-After")) {
		x->retry_after_ms = http_retry_after_ms(value, clock_wall_ms());
	} else if (header_value(value, sizeof(value), line, size, "Content-Type")) {
		memcpy(x->content_type, value, strlen(value) + 1);
	}
	return size;
}

/* ---- opening ---- */

static bool
set_options(struct http_exchange *x, const char *url)
{
	bool is_plain = strncasecmp(url, "http:", 5) == 0;
	CURL *easy = x->easy;
	bool ok = true;

	ok = ok && curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
	ok = ok &&
	     curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_plain ? "http" : "https") == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_USERAGENT,
				    "isekai-publisher/" PUBLISHER_VERSION) == CURLE_OK;
	ok = ok && curl_easy_setopt(easy, CURLOPT_SHARE, http_share(x->http)) == CURLE_OK;
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 0L);
	curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
	/* 7.88 lacks repairs that HTTP/2 uploads need (s3-libcurl.md 5). */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)HTTP_BUFFER_SIZE);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)HTTP_BUFFER_SIZE);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, KEEP_CONNECTION_S);
	/* A resolver thread that hangs must not hold up a stop. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	http_tls_apply(easy);
	http_socket_watch(x);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &x->body);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
	return ok;
}

bool
http_exchange_open(struct http_exchange *x, struct http *http, const char *url, struct failure *why)
{
	memset(x, 0, sizeof(*x));
	x->http = http;
	x->retry_after_ms = -1;
	x->body.limit = HTTP_BODY_LIMIT;
	x->easy = curl_easy_init();
	if (x->easy != NULL && set_options(x, url))
		return true;
	http_exchange_close(x);
	return http_no_memory(why);
}

bool
http_exchange_header(struct http_exchange *x, const char *name, const char *value,
		     struct failure *why)
{
	size_t size = strlen(name) + 2 + strlen(value) + 1;
	struct curl_slist *longer = NULL;
	char *line;

	for (const char *c = value; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7F)
			return failure_set(why, FAILURE_VALIDATION_ERROR,
					   "the value for the header %s has control characters",
					   name);
	line = malloc(size);
	if (line != NULL) {
		(void)snprintf(line, size, "%s: %s", name, value);
		longer = curl_slist_append(x->headers, line);
		explicit_bzero(line, size);
		free(line);
	}
	if (longer == NULL)
		return http_no_memory(why);
	x->headers = longer;
	return true;
}

void
http_exchange_set_new(struct http_exchange *x)
{
	curl_easy_setopt(x->easy, CURLOPT_FRESH_CONNECT, 1L);
}

void
http_exchange_set_fresh(struct http_exchange *x)
{
	http_exchange_set_new(x);
	curl_easy_setopt(x->easy, CURLOPT_FORBID_REUSE, 1L);
}

void
http_exchange_set_limits(struct http_exchange *x, long connect_ms, long whole_ms)
{
	curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
	curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, whole_ms);
}

/* ---- running ---- */

bool
http_exchange_start(struct http_exchange *x, struct failure *why)
{
	if (curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers) != CURLE_OK ||
	    (x->mime != NULL && curl_easy_setopt(x->easy, CURLOPT_MIMEPOST, x->mime) != CURLE_OK) ||
	    curl_multi_add_handle(http_multi(x->http), x->easy) != CURLM_OK)
		return http_no_memory(why);
	x->started = true;
	http_look_now(x->http);
	return true;
}

bool
http_exchange_run(struct http_exchange *x, const struct watch *watch, struct failure *why)
{
	int64_t begun_ms = clock_mono_ms();

	if (!http_exchange_start(x, why))
		return false;
	while (!x->done) {
		if (!http_pump(x->http, watch, HTTP_LOOK_MS, why))
			return false;
		http_exchange_cut_if_unheard(x, begun_ms);
	}
	return true;
}

void
http_exchange_cut(struct http_exchange *x, const char *text)
{
	if (x->started)
		curl_multi_remove_handle(http_multi(x->http), x->easy);
	x->started = false;
	x->done = true;
	x->code = CURLE_OPERATION_TIMEDOUT;
	(void)snprintf(x->error, sizeof(x->error), "%s", text);
}

void
http_exchange_cut_if_unheard(struct http_exchange *x, int64_t given_ms)
{
	if (!x->started || x->done || clock_mono_ms() - given_ms < HTTP_UNHEARD_MS ||
	    !http_socket_is_unheard(x))
		return;
	http_exchange_cut(x, "nothing of what was sent was acknowledged for 15 s");
	x->code = CURLE_SEND_ERROR;
}

bool
http_exchange_sent(const struct http_exchange *x)
{
	curl_off_t ready_us = 0;
	long bytes = 0;

	if (x->easy == NULL)
		return false;
	curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &bytes);
	curl_easy_getinfo(x->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
	return bytes > 0 || ready_us > 0;
}

int
http_exchange_status(const struct http_exchange *x)
{
	long status = 0;

	if (x->easy != NULL)
		curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 100 && status <= 999 ? (int)status : 0;
}

bool
http_exchange_met_dead_connection(const struct http_exchange *x)
{
	long made = 1, header_bytes = 1;

	/* libcurl would have sent it again by itself, but cannot get the file a second time. */
	if (x->done && x->code == CURLE_SEND_FAIL_REWIND)
		return true;
	if (!x->done || (x->code != CURLE_SEND_ERROR && x->code != CURLE_RECV_ERROR &&
			 x->code != CURLE_GOT_NOTHING))
		return false;
	curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &made);
	curl_easy_getinfo(x->easy, CURLINFO_HEADER_SIZE, &header_bytes);
	return made == 0 && header_bytes == 0;
}

struct answer
http_exchange_answer(const struct http_exchange *x, enum endpoint endpoint)
{
	return (struct answer){
		.endpoint = endpoint,
		.transport_ok = x->done && (x->code == CURLE_OK || x->body.cut),
		.sent = http_exchange_sent(x),
		.out_of_memory = x->code == CURLE_OUT_OF_MEMORY || x->body.denied,
		.transport_error = x->error[0] != '\0' ? x->error : curl_easy_strerror(x->code),
		.status = http_exchange_status(x),
		.retry_after_ms = x->retry_after_ms,
		.content_type = x->content_type,
		.body = x->body.data != NULL ? x->body.data : "",
		.body_size = x->body.size,
		.body_cut = x->body.cut,
	};
}

static void
headers_free(struct curl_slist *headers)
{
	for (struct curl_slist *one = headers; one != NULL; one = one->next)
		explicit_bzero(one->data, strlen(one->data));
	curl_slist_free_all(headers);
}

void
http_exchange_close(struct http_exchange *x)
{
	if (x->started)
		curl_multi_remove_handle(http_multi(x->http), x->easy);
	curl_easy_cleanup(x->easy);
	curl_mime_free(x->mime); /* after the handle that refers to it */
	headers_free(x->headers);
	if (x->body.data != NULL)
		explicit_bzero(x->body.data, x->body.size);
	free(x->body.data);
	memset(x, 0, sizeof(*x));
}

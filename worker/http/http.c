/*
 * http.c - HTTP requests under a watch.                                [worker]
 *
 * The process' part: libcurl's start, the multi handle with its connections, and the loop that
 * drives all started exchanges. Invariant: no call in here blocks longer than HTTP_LOOK_MS, and
 * nothing is repeated in here (libcurl may repeat a request on a reused connection; who cannot bear
 * that asks for a fresh one).
 */
#include "worker/http/http.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/http/http_internal.h"

#define KEPT_CONNECTIONS 4 /* DeviantArt, the storage, and one spare each */

struct http {
	CURLM *multi;  /* owns connections and resolved names */
	CURLSH *share; /* TLS sessions */
	struct http_sockets sockets;
	int64_t look_at_ms;
	bool wake_is_stuck; /* the watch left wake_fd readable: leave it out until the next look */
};

/* ---- memory that held secrets ---- */

static void
wiping_free(void *block)
{
	if (block != NULL)
		explicit_bzero(block, malloc_usable_size(block));
	free(block);
}

/* realloc() would leave a copy behind where it moves a block. */
static void *
wiping_realloc(void *block, size_t size)
{
	size_t old_size = block != NULL ? malloc_usable_size(block) : 0;
	void *bigger;

	if (block != NULL && size > 0 && size <= old_size)
		return block;
	bigger = malloc(size);
	if (bigger == NULL || block == NULL)
		return bigger;
	memcpy(bigger, block, old_size < size ? old_size : size);
	wiping_free(block);
	return bigger;
}

static char *
plain_strdup(const char *text)
{
	return strdup(text);
}

bool
http_global_init(struct failure *why)
{
	static bool is_done;
	CURLcode code;

	if (is_done)
		return true;
	code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc,
				    plain_strdup, calloc);
	if (code != CURLE_OK)
		return failure_set(why, FAILURE_UNKNOWN, "libcurl does not start: %s",
				   curl_easy_strerror(code));
	if (!http_tls_load(why))
		return false;
	(void)malloc_trim(0); /* what parsing left behind would be every child's private memory */
	is_done = true;
	return true;
}

/* ---- the process' handles ---- */

static CURLM *
multi_new(void)
{
	CURLM *multi = curl_multi_init();

	if (multi != NULL)
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
	return multi;
}

struct http *
http_new(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct http *http = calloc(1, sizeof(*http));

	if (http == NULL)
		return NULL;
	(void)sigaction(SIGPIPE, &ignore, NULL);
	http->multi = multi_new();
	http->share = curl_share_init();
	if (http->multi == NULL || http->share == NULL ||
	    curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) !=
		    CURLSHE_OK) {
		http_free(http);
		return NULL;
	}
	return http;
}

void
http_free(struct http *http)
{
	if (http == NULL)
		return;
	curl_multi_cleanup(http->multi);
	if (http->share != NULL)
		curl_share_cleanup(http->share);
	free(http);
}

/* libcurl closes its cached connections only with the multi handle that owns them. */
void
http_rest(struct http *http)
{
	CURLM *multi = multi_new();

	if (multi == NULL)
		return;
	curl_multi_cleanup(http->multi);
	http->multi = multi;
}

CURLM *
http_multi(struct http *http)
{
	return http->multi;
}

struct http_sockets *
http_sockets(struct http *http)
{
	return &http->sockets;
}

CURLSH *
http_share(struct http *http)
{
	return http->share;
}

void
http_look_now(struct http *http)
{
	http->look_at_ms = 0;
	http->wake_is_stuck = false;
}

/* ---- the loop ---- */

static bool
is_awake(int fd)
{
	struct pollfd wake = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&wake, 1, 0) > 0;
}

/*
 * The wake descriptor is looked at with poll() and not by libcurl's answer: libcurl 7.88 wakes up
 * for POLLHUP (the supervisor is gone) but does not report it.
 */
static bool
look(struct http *http, const struct watch *watch, struct failure *why)
{
	int64_t now_ms = clock_mono_ms();
	bool is_due = now_ms >= http->look_at_ms;
	bool woken;

	if (watch == NULL || watch->go_on == NULL)
		return true;
	woken = (is_due || !http->wake_is_stuck) && is_awake(watch->wake_fd);
	if (!is_due && !woken)
		return true;
	http->look_at_ms = now_ms + HTTP_LOOK_MS;
	if (!watch->go_on(watch->arg, why))
		return false;
	http->wake_is_stuck = woken && is_awake(watch->wake_fd);
	return true;
}

static bool
wait_for_events(struct http *http, const struct watch *watch, int wait_ms)
{
	struct curl_waitfd wake = {.fd = -1, .events = CURL_WAIT_POLLIN};
	int64_t until_look_ms = http->look_at_ms - clock_mono_ms();
	unsigned int extra = 0;

	if (watch != NULL && watch->wake_fd >= 0 && !http->wake_is_stuck) {
		wake.fd = watch->wake_fd;
		extra = 1;
	}
	if (until_look_ms < wait_ms && watch != NULL && watch->go_on != NULL)
		wait_ms = until_look_ms > 0 ? (int)until_look_ms : 0;
	return curl_multi_poll(http->multi, extra > 0 ? &wake : NULL, extra, wait_ms, NULL) ==
	       CURLM_OK;
}

static void
note_finished(struct http *http)
{
	struct http_exchange *x;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		char *private = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		x = (struct http_exchange *)(void *)private;
		if (x == NULL)
			continue;
		x->code = message->data.result;
		x->done = true;
	}
}

bool
http_pump(struct http *http, const struct watch *watch, int wait_ms, struct failure *why)
{
	int running;

	if (wait_ms > HTTP_LOOK_MS)
		wait_ms = HTTP_LOOK_MS;
	if (!wait_for_events(http, watch, wait_ms))
		return http_no_memory(why);
	if (!look(http, watch, why))
		return false;
	if (curl_multi_perform(http->multi, &running) != CURLM_OK)
		return http_no_memory(why);
	note_finished(http);
	return true;
}

bool
http_no_memory(struct failure *why)
{
	return failure_set(why, FAILURE_AWAY, "out of memory");
}

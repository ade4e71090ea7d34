/*
 * fetch.c - what an HTTP server on this machine says.                  [verify command]
 */
#include "worker/verify/fetch.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define BODY_LIMIT (256UL * 1024 * 1024)
#define CONNECT_MS 2000L

struct body {
	char *data;
	size_t size, capacity;
	bool cut;
};

bool
fetch_init(struct failure *why)
{
	if (curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK)
		return true;
	return failure_set(why, FAILURE_UNKNOWN, "libcurl does not start");
}

void
fetch_fini(void)
{
	curl_global_cleanup();
}

static size_t
on_body(char *data, size_t one, size_t size, void *arg)
{
	struct body *body = arg;

	(void)one;
	if (body->size + size > BODY_LIMIT) {
		body->cut = true;
		return 0;
	}
	if (body->size + size >= body->capacity) {
		size_t capacity = 2 * (body->size + size) + 4096;
		char *bigger = realloc(body->data, capacity);

		if (bigger == NULL)
			return 0;
		body->data = bigger;
		body->capacity = capacity;
	}
	memcpy(body->data + body->size, data, size);
	body->size += size;
	body->data[body->size] = '\0';
	return size;
}

static bool
set_options(CURL *easy, const char *url, long timeout_ms, struct body *body)
{
	bool ok = curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;

	ok = ok && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK;
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
	return ok;
}

bool
fetch_json(const char *url, long timeout_ms, long *status, struct cJSON **json, struct failure *why)
{
	CURL *easy = curl_easy_init();
	struct body body = {.size = 0};
	CURLcode code;

	*json = NULL;
	*status = 0;
	if (easy == NULL || !set_options(easy, url, timeout_ms, &body)) {
		curl_easy_cleanup(easy);
		return failure_set(why, FAILURE_AWAY, "%.200s: cannot be asked for", url);
	}
	code = curl_easy_perform(easy);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
	curl_easy_cleanup(easy);
	if (code == CURLE_OK && body.data != NULL)
		*json = cJSON_ParseWithLength(body.data, body.size);
	free(body.data);
	if (code == CURLE_OK)
		return true;
	return failure_set(why, FAILURE_AWAY, "%.200s: %s", url,
			   body.cut ? "the answer is longer than 256 MB"
				    : curl_easy_strerror(code));
}

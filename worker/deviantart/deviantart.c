/*
 * deviantart.c - what all calls of DeviantArt's API have in common.    [worker]
 */
#include "worker/deviantart/deviantart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/deviantart/answer_json.h"
#include "worker/deviantart/deviantart_internal.h"
#include "worker/deviantart/form.h"

#define MINOR_VERSION "20240701" /* latest known (deviantart-api.md 4) */

struct deviantart *
deviantart_new(const struct config *config, struct http *http, struct storage *storage)
{
	struct deviantart *da = calloc(1, sizeof(*da));

	if (da != NULL)
		*da = (struct deviantart){.config = config, .http = http, .storage = storage};
	return da;
}

void
deviantart_free(struct deviantart *da)
{
	free(da);
}

/* ---- requests ---- */

static bool
is_header_token(const char *token)
{
	const char *at = token;

	while (*at > ' ' && *at < 0x7F)
		at++;
	return at > token && *at == '\0';
}

static bool
add_bearer(struct http_exchange *x, const char *access_token, struct failure *why)
{
	size_t size = strlen("Bearer ") + strlen(access_token) + 1;
	char *value;
	bool ok;

	if (!is_header_token(access_token))
		return failure_set(why, FAILURE_TOKEN_EXPIRED,
				   "the stored access token is not usable");
	value = malloc(size);
	if (value == NULL)
		return http_no_memory(why);
	(void)snprintf(value, size, "Bearer %s", access_token);
	ok = http_exchange_header(x, "Authorization", value, why);
	explicit_bzero(value, size);
	free(value);
	return ok;
}

bool
deviantart_open(const struct deviantart *da, struct http_exchange *x, const char *path,
		const char *access_token, struct failure *why)
{
	char *url = NULL;
	bool ok;

	memset(x, 0, sizeof(*x));
	if (asprintf(&url, "%s%s", da->config->deviantart_base_url, path) < 0)
		return http_no_memory(why);
	ok = http_exchange_open(x, da->http, url, why);
	free(url);
	if (!ok)
		return false;
	http_exchange_set_limits(x, DEVIANTART_CONNECT_MS, DEVIANTART_READ_MS);
	if (curl_easy_setopt(x->easy, CURLOPT_ACCEPT_ENCODING, "") != CURLE_OK)
		ok = http_no_memory(why);
	ok = ok && http_exchange_header(x, "dA-minor-version", MINOR_VERSION, why);
	ok = ok && (access_token == NULL || add_bearer(x, access_token, why));
	if (!ok)
		http_exchange_close(x);
	return ok;
}

bool
deviantart_set_form(struct http_exchange *x, const struct form *form, struct failure *why)
{
	if (form->is_broken ||
	    curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)form->size) !=
		    CURLE_OK ||
	    curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, form->text) != CURLE_OK)
		return http_no_memory(why);
	return true;
}

bool
deviantart_read(const struct deviantart *da, const char *what, const char *path,
		const char *access_token, const struct watch *watch, struct cJSON **json,
		struct failure *why)
{
	struct http_exchange x;
	struct answer answer;
	struct cJSON *result = NULL;
	bool ok = false;

	if (!deviantart_open(da, &x, path, access_token, why))
		goto out;
	if (!http_exchange_run(&x, watch, why))
		goto out;
	answer = http_exchange_answer(&x, ENDPOINT_READ);
	if (!classify_answer(&answer, why))
		goto out;
	result = answer_json_parse(x.body.data, x.body.size);
	if (result == NULL) { /* it was readable a moment ago */
		http_no_memory(why);
		goto out;
	}
	*json = result;
	ok = true;
out:
	http_exchange_close(&x);
	return ok || failure_prefix(why, "%s: ", what);
}

bool
deviantart_unusable(const struct http_exchange *x, enum endpoint endpoint, const char *lack,
		    struct failure *why)
{
	bool is_publish = endpoint == ENDPOINT_PUBLISH;

	failure_set(why, is_publish ? FAILURE_OUTCOME_UNKNOWN : FAILURE_NETWORK_ERROR,
		    "DeviantArt's answer says success, but %s%s", lack,
		    is_publish ? "; whether the post is public is not known yet" : "");
	if (why != NULL)
		why->http_status = http_exchange_status(x);
	return false;
}

/* ---- what answers hold ---- */

bool
deviantart_copy_id(char out[64], const char *id)
{
	size_t size = id != NULL ? strlen(id) : 0;

	if (size < 8 || size > 63 ||
	    strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != size)
		return false;
	memcpy(out, id, size + 1);
	return true;
}

void
deviantart_copy_url(char out[512], const char *url)
{
	size_t size = url != NULL ? strlen(url) : 0;
	bool is_link =
		size > 0 && size < 512 &&
		(strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "http://", 7) == 0);

	for (size_t i = 0; i < size && is_link; i++)
		is_link = url[i] > ' ' && url[i] < 0x7F && strchr("\"<>\\^`{|}", url[i]) == NULL;
	if (!is_link)
		size = 0;
	if (size > 0)
		memcpy(out, url, size);
	out[size] = '\0';
}

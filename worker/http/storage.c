/*
 * storage.c - where the artwork is: URLs of objects and signed requests for them.   [worker]
 *
 * libcurl 7.88 signs the path as it is given and does not add x-amz-content-sha256: both are done
 * here, in the one form that every version of libcurl signs rightly (s3-libcurl.md 2 and 3).
 */
#include "worker/http/storage.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "worker/http/http_internal.h"

#define KEY_LIMIT 1024 /* bytes; S3 */

/* SHA-256 of nothing: the hash of a GET's body. Over TLS the body need not be hashed at all. */
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct storage {
	const struct config *config;
};

struct storage *
storage_new(const struct config *config)
{
	struct storage *storage = calloc(1, sizeof(*storage));

	if (storage != NULL)
		storage->config = config;
	return storage;
}

void
storage_free(struct storage *storage)
{
	free(storage);
}

/* ---- keys ---- */

static bool
has_dot_segment(const char *key)
{
	for (const char *at = key;; at++) {
		size_t length = strcspn(at, "/");

		if ((length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
			return true;
		at += length;
		if (*at == '\0')
			return false;
	}
}

static bool
check_key(const char *key, struct failure *why)
{
	const char *fault = NULL;

	if (key == NULL || key[0] == '\0')
		fault = "is empty";
	else if (key[0] == '/')
		fault = "begins with a slash";
	else if (strlen(key) > KEY_LIMIT)
		fault = "has more than 1024 bytes";
	else if (has_dot_segment(key)) /* it would name another object */
		fault = "has a \".\" or \"..\" in its path";
	if (fault == NULL)
		return true;
	return failure_set(why, FAILURE_VALIDATION_ERROR, "the file's storage key %s", fault);
}

/* ---- URLs ---- */

static char *
append_text(char *out, const char *text, size_t size)
{
	memcpy(out, text, size);
	return out + size;
}

/* Unreserved bytes and '/' stay, everything else becomes %XX in upper case: the form that is
 * signed. */
static char *
append_encoded(char *out, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-._~/";

	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (strchr(unreserved, byte) != NULL) {
			*out++ = (char)byte;
			continue;
		}
		*out++ = '%';
		*out++ = hex[byte >> 4];
		*out++ = hex[byte & 0x0F];
	}
	return out;
}

static bool
host_is_address(const char *host, size_t size)
{
	struct in_addr ignored;
	char copy[INET6_ADDRSTRLEN];

	if (size > 0 && host[0] == '[')
		return true;
	if (size >= sizeof(copy))
		return false;
	memcpy(copy, host, size);
	copy[size] = '\0';
	return inet_pton(AF_INET, copy, &ignored) == 1;
}

/* A wildcard certificate covers one label, so a bucket with dots cannot be a host name over TLS. */
static bool
wants_path_style(const struct config *config, const char *host, bool is_tls)
{
	bool has_dot = strchr(config->s3_bucket, '.') != NULL;
	bool has_underscore = strchr(config->s3_bucket, '_') != NULL; /* in no host name */

	return config->s3_force_path_style || host_is_address(host, strcspn(host, ":/")) ||
	       has_underscore || (has_dot && is_tls);
}

/* AWS by region; China is a partition with a domain of its own. Result: free(). */
static char *
aws_endpoint(const char *region)
{
	bool is_china = strncmp(region, "cn-", 3) == 0;
	char *url = NULL;

	if (asprintf(&url, "https://s3.%s.amazonaws.com%s", region, is_china ? ".cn" : "") < 0)
		return NULL;
	return url;
}

/* endpoint "scheme://host[:port][/path]" + bucket + key. Result: free(); NULL: out of memory. */
static char *
join_url(const struct config *config, const char *endpoint, const char *key)
{
	const char *marker = strstr(endpoint, "://");
	const char *host = marker != NULL ? marker + 3 : endpoint;
	size_t before_host = (size_t)(host - endpoint);
	bool is_tls = strncasecmp(endpoint, "http:", 5) != 0;
	size_t room = strlen(endpoint) + 3 * (strlen(config->s3_bucket) + strlen(key)) + 4;
	char *url = malloc(room);
	char *at = url;

	if (url == NULL)
		return NULL;
	if (wants_path_style(config, host, is_tls)) {
		at = append_text(at, endpoint, strlen(endpoint));
		*at++ = '/';
		at = append_encoded(at, config->s3_bucket);
	} else {
		at = append_text(at, endpoint, before_host);
		at = append_encoded(at, config->s3_bucket);
		*at++ = '.';
		at = append_text(at, host, strlen(host));
	}
	*at++ = '/';
	at = append_encoded(at, key);
	*at = '\0';
	return url;
}

bool
storage_url(const struct storage *storage, const char *key, char **url, struct failure *why)
{
	const struct config *config = storage->config;
	char *aws = NULL, *result = NULL;

	if (!check_key(key, why))
		return false;
	if (config->s3_endpoint[0] == '\0')
		aws = aws_endpoint(config->s3_region);
	if (config->s3_endpoint[0] != '\0' || aws != NULL)
		result = join_url(config, aws != NULL ? aws : config->s3_endpoint, key);
	free(aws);
	if (result != NULL)
		*url = result;
	else
		http_no_memory(why);
	return result != NULL;
}

/* ---- signed requests ---- */

/*
 * Only headers with a value may be added to a signed request: libcurl before 8.3 signs removals
 * too. No Accept-Encoding: an object that is stored compressed must arrive as it is stored.
 */
static bool
sign(const struct storage *storage, struct http_exchange *x, bool is_tls, struct failure *why)
{
	const struct config *config = storage->config;
	char provider[160];
	int length = snprintf(provider, sizeof(provider), "aws:amz:%s:s3", config->s3_region);

	if (length < 0 || (size_t)length >= sizeof(provider))
		return failure_set(why, FAILURE_AWAY, "S3_REGION is too long");
	/* libcurl 8.14 refuses to sign a path as it is; check_key() lets no dot segment come here.
	 */
	curl_easy_setopt(x->easy, CURLOPT_PATH_AS_IS, 0L);
	if (curl_easy_setopt(x->easy, CURLOPT_AWS_SIGV4, provider) != CURLE_OK ||
	    curl_easy_setopt(x->easy, CURLOPT_USERNAME, config->s3_access_key_id) != CURLE_OK ||
	    curl_easy_setopt(x->easy, CURLOPT_PASSWORD, config->s3_secret_access_key) != CURLE_OK)
		return http_no_memory(why);
	return http_exchange_header(x, "x-amz-content-sha256",
				    is_tls ? "UNSIGNED-PAYLOAD" : EMPTY_SHA256, why);
}

bool
storage_open_get(const struct storage *storage, struct http *http, const char *key,
		 struct http_exchange *x, struct failure *why)
{
	char *url = NULL;
	bool ok = false;

	memset(x, 0, sizeof(*x));
	if (!storage_url(storage, key, &url, why))
		return false;
	if (http_exchange_open(x, http, url, why))
		ok = sign(storage, x, strncasecmp(url, "https:", 6) == 0, why);
	if (!ok)
		http_exchange_close(x);
	free(url);
	return ok;
}

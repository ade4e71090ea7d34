/*
 * url.c - taking URLs of the configuration apart.                      [every process]
 */
#include "common/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 253 /* bytes of a DNS name as text (RFC 1035, 2.3.4) */

static struct url_slice
slice(const char *from, const char *to)
{
	return (struct url_slice){.at = from, .size = (size_t)(to - from)};
}

/* The first of `stops` in [from, end), or end. */
static const char *
find(const char *from, const char *end, const char *stops)
{
	while (from < end && strchr(stops, *from) == NULL)
		from++;
	return from;
}

bool
url_number(struct url_slice digits, int min, int max, int *number)
{
	long long value = 0;

	if (digits.at == NULL || digits.size == 0 || digits.size > 10)
		return false;
	for (size_t i = 0; i < digits.size; i++) {
		if (!isdigit((unsigned char)digits.at[i]))
			return false;
		value = value * 10 + (digits.at[i] - '0');
	}
	if (value < min || value > max)
		return false;
	*number = (int)value;
	return true;
}

static bool
copy_host(const char *host, size_t size, char out[HOST_MAX + 1])
{
	if (size == 0 || size > HOST_MAX)
		return false;
	memcpy(out, host, size);
	out[size] = '\0';
	return true;
}

bool
url_host_valid(const char *host, size_t size)
{
	struct in6_addr address;
	char text[HOST_MAX + 1];

	if (!copy_host(host, size, text))
		return false;
	if (memchr(host, ':', size) != NULL)
		return inet_pton(AF_INET6, text, &address) == 1;
	for (size_t i = 0; i < size; i++) {
		if (!isalnum((unsigned char)host[i]) && strchr("-._", host[i]) == NULL)
			return false;
	}
	return true;
}

bool
url_host_is_loopback(const char *host, size_t size)
{
	struct in_addr address4;
	struct in6_addr address6;
	char text[HOST_MAX + 1];

	if (!copy_host(host, size, text))
		return false;
	if (inet_pton(AF_INET, text, &address4) == 1)
		return ntohl(address4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, text, &address6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&address6);
	return strcasecmp(text, "localhost") == 0;
}

static int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

char *
url_decode(struct url_slice encoded)
{
	char *out = malloc(encoded.size + 1);
	size_t used = 0;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < encoded.size; i++) {
		int high, low;

		if (encoded.at[i] != '%') {
			out[used++] = encoded.at[i];
			continue;
		}
		high = i + 2 < encoded.size ? hex_value(encoded.at[i + 1]) : -1;
		low = high >= 0 ? hex_value(encoded.at[i + 2]) : -1;
		if (low < 0 || (high == 0 && low == 0)) {
			explicit_bzero(out, used);
			free(out);
			errno = EINVAL;
			return NULL;
		}
		out[used++] = (char)(high * 16 + low);
		i += 2;
	}
	out[used] = '\0';
	return out;
}

bool
url_scheme_is(const struct url *url, const char *scheme)
{
	return url->scheme.size == strlen(scheme) &&
	       strncasecmp(url->scheme.at, scheme, url->scheme.size) == 0;
}

static void
split_userinfo(struct url_slice userinfo, struct url *url)
{
	const char *end = userinfo.at + userinfo.size;
	const char *colon = find(userinfo.at, end, ":");

	url->user = slice(userinfo.at, colon);
	if (colon < end)
		url->password = slice(colon + 1, end);
}

static bool
split_host(const char *from, const char *end, struct url *url, struct failure *why)
{
	const char *port;

	if (from < end && *from == '[') {
		const char *bracket = find(from, end, "]");

		if (bracket == end)
			return failure_set(why, FAILURE_OPERATOR, "a [ without its ] in the host");
		url->host = slice(from + 1, bracket);
		url->host_bracketed = true;
		port = bracket + 1;
		if (port < end && *port != ':')
			return failure_set(why, FAILURE_OPERATOR, "only a port may follow the ]");
	} else {
		port = find(from, end, ":");
		url->host = slice(from, port);
	}
	if (url->host_bracketed != (memchr(url->host.at, ':', url->host.size) != NULL) ||
	    (url->host.size > 0 && !url_host_valid(url->host.at, url->host.size)))
		return failure_set(why, FAILURE_OPERATOR,
				   "the host is neither a name nor an address");
	if (port < end && !url_number(slice(port + 1, end), 1, 65535, &url->port))
		return failure_set(why, FAILURE_OPERATOR,
				   "the port is not a whole number from 1 to 65535");
	return true;
}

/* [path][?query][#fragment], all of them optional. */
static void
split_rest(const char *from, const char *end, struct url *url)
{
	const char *at = find(from, end, "?#");

	url->path = slice(from, at);
	if (at < end && *at == '?') {
		const char *hash = find(at + 1, end, "#");

		url->query = slice(at + 1, hash);
		at = hash;
	}
	if (at < end)
		url->fragment = slice(at + 1, end);
}

bool
url_split(const char *text, struct url *url, struct failure *why)
{
	const char *colon = strstr(text, "://"), *end = text + strlen(text);
	const char *authority, *authority_end, *at;
	struct url parts = {.port = 0};

	if (colon == NULL || colon == text)
		return failure_set(why, FAILURE_OPERATOR, "not a URL (no scheme:// at its start)");
	parts.scheme = slice(text, colon);
	authority = colon + 3;
	authority_end = find(authority, end, "/?#");
	at = memrchr(authority, '@', (size_t)(authority_end - authority));
	if (at != NULL) {
		split_userinfo(slice(authority, at), &parts);
		authority = at + 1;
	}
	if (!split_host(authority, authority_end, &parts, why))
		return false;
	split_rest(authority_end, end, &parts);
	*url = parts;
	return true;
}

/* What is wrong with a URL of an HTTP server; NULL: nothing. */
static const char *
http_complaint(const struct url *url, bool http_loopback_only)
{
	bool plain = url_scheme_is(url, "http");

	if (!plain && !url_scheme_is(url, "https"))
		return http_loopback_only ? "not an https URL" : "not an http or https URL";
	if (url->host.size == 0)
		return "no host in the URL";
	if (url->user.at != NULL)
		return "no user or password may stand in this URL";
	if (url->query.at != NULL || url->fragment.at != NULL)
		return "no ? or # may stand in this URL";
	if (plain && http_loopback_only && !url_host_is_loopback(url->host.at, url->host.size))
		return "must be https (plain http is for a loopback host only)";
	for (size_t i = 0; i < url->path.size; i++) {
		if (!isgraph((unsigned char)url->path.at[i]))
			return "a blank or a byte that is not ASCII in the path";
	}
	return NULL;
}

char *
url_http_base(const char *text, bool http_loopback_only, struct failure *why)
{
	const char *complaint;
	struct url url;
	size_t size = strlen(text);
	char *copy;

	if (!url_split(text, &url, why))
		return NULL;
	complaint = http_complaint(&url, http_loopback_only);
	if (complaint != NULL) {
		failure_set(why, FAILURE_OPERATOR, "%s", complaint);
		return NULL;
	}
	while (size > 0 && text[size - 1] == '/')
		size--;
	copy = strndup(text, size);
	if (copy == NULL)
		failure_set(why, FAILURE_OPERATOR, "out of memory");
	return copy;
}

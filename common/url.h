#ifndef COMMON_URL_H
#define COMMON_URL_H
/*
 * url.h - taking URLs of the configuration apart (RFC 3986, 3).        [every process]
 *
 * No message made here repeats any part of a URL: what looks like a host may be half of a password.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/failure.h"

/* A piece of the text that was split; at is NULL where the URL has no such part (an empty part has
 * one). */
struct url_slice {
	const char *at;
	size_t size;
};

struct url {
	struct url_slice scheme;
	struct url_slice user, password; /* still percent-encoded */
	struct url_slice host;           /* without the brackets of an IPv6 address */
	bool host_bracketed;
	int port; /* 0: none was given */
	struct url_slice path, query, fragment;
};

/*
 * Splits "scheme://[user][:password]@host[:port]/path?query#fragment" into slices of text. The user
 * part ends at the last @ before the path, so that an @ in a password does no harm. The host may be
 * empty; where it is not, it is a valid name or address. False: *why says what is wrong.
 */
bool url_split(const char *text, struct url *url, struct failure *why);

/* Is it this scheme, in whatever case? */
bool url_scheme_is(const struct url *url, const char *scheme);

/*
 * The percent-decoded slice as a new string of the caller. NULL with errno EINVAL where an escape
 * is broken or stands for a NUL, ENOMEM where there is no memory. An absent slice decodes to "".
 */
char *url_decode(struct url_slice encoded);

/* A name (letters, digits, - . _) or an IPv4 or IPv6 address, the last without brackets. */
bool url_host_valid(const char *host, size_t size);

/* 127.0.0.0/8, ::1, localhost. */
bool url_host_is_loopback(const char *host, size_t size);

/* Decimal digits and nothing else, from min to max. */
bool url_number(struct url_slice digits, int min, int max, int *number);

/*
 * Checks an http or https URL of a server: a host, no user or password, no query, no fragment. With
 * http_loopback_only, plain http is for loopback hosts only. Gives a copy, of the caller, without
 * slashes at its end; NULL: *why says what is wrong.
 */
char *url_http_base(const char *text, bool http_loopback_only, struct failure *why);

#endif

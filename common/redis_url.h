#ifndef COMMON_REDIS_URL_H
#define COMMON_REDIS_URL_H
/*
 * redis_url.h - where Redis is, taken apart from REDIS_URL.            [every process]
 *
 *   redis://[user][:password]@host[:port][/db]      rediss:// the same over TLS
 *   unix:///path[?db=n]                             also redis+unix://, and user:password@ before
 * the path
 *
 * User, password and path are percent-decoded; IPv6 addresses stand in brackets. The form is that
 * of the IANA registration of the scheme "redis", with `?db=` as the other way to name a database.
 */
#include <stdbool.h>

#include "common/failure.h"

#define REDIS_URL_DEFAULT_PORT 6379

struct redis_address {
	char *host;     /* name or address, no brackets; NULL for a unix socket */
	int port;       /* 0 for a unix socket */
	char *path;     /* of the unix socket; NULL for TCP */
	char *user;     /* NULL: none was given (the user "default") */
	char *password; /* NULL: none was given; a secret */
	int db;
	bool tls;
};

/*
 * Fills *address from url; its strings are owned by it and freed by redis_address_free(). On false
 * nothing was written and *why (FAILURE_OPERATOR) says what is wrong without repeating any part of
 * the URL.
 */
bool redis_url_parse(const char *url, struct redis_address *address, struct failure *why);

/* Erases the password, frees the strings and clears *address. */
void redis_address_free(struct redis_address *address);

#endif

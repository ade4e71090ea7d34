/*
 * redis_url.c - where Redis is, taken apart from REDIS_URL.            [every process]
 */
#include "common/redis_url.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/url.h"

static bool
decode(struct url_slice part, const char *what, char **out, struct failure *why)
{
	*out = url_decode(part);
	if (*out != NULL)
		return true;
	if (errno == EINVAL)
		return failure_set(why, FAILURE_OPERATOR, "a broken %%XX escape in the %s", what);
	return failure_set(why, FAILURE_OPERATOR, "out of memory");
}

/* An empty user means none (`redis://:password@host`), an absent password none. */
static bool
take_credentials(const struct url *url, struct redis_address *address, struct failure *why)
{
	if (url->user.size > 0 && !decode(url->user, "user", &address->user, why))
		return false;
	return url->password.size == 0 ||
	       decode(url->password, "password", &address->password, why);
}

static bool
take_db(struct url_slice digits, struct redis_address *address, struct failure *why)
{
	if (digits.size == 0 || url_number(digits, 0, INT_MAX, &address->db))
		return true;
	return failure_set(why, FAILURE_OPERATOR, "the database is not a whole number from 0");
}

static bool
is_named(struct url_slice name, const char *text)
{
	return name.size == strlen(text) && strncmp(name.at, text, name.size) == 0;
}

/* `db=n` is ours; `family=` belongs to ioredis, which shares the URL, and is the resolver's
 * business here. */
static bool
take_query(struct url_slice query, struct redis_address *address, struct failure *why)
{
	const char *at = query.at, *end = at == NULL ? NULL : at + query.size;

	while (at < end) {
		const char *next = memchr(at, '&', (size_t)(end - at));
		const char *stop = next == NULL ? end : next;
		const char *equals = memchr(at, '=', (size_t)(stop - at));
		struct url_slice name = {.at = at,
					 .size = (size_t)((equals == NULL ? stop : equals) - at)};
		struct url_slice value = {.at = NULL, .size = 0};

		if (equals != NULL)
			value = (struct url_slice){equals + 1, (size_t)(stop - equals - 1)};
		if (is_named(name, "db")) {
			if (!take_db(value, address, why))
				return false;
		} else if (name.size > 0 && !is_named(name, "family")) {
			return failure_set(why, FAILURE_OPERATOR,
					   "a parameter other than db after the ?");
		}
		at = next == NULL ? end : next + 1;
	}
	return true;
}

static bool
take_tcp(const struct url *url, struct redis_address *address, struct failure *why)
{
	struct url_slice db = url->path;

	if (url->host.size == 0)
		return failure_set(why, FAILURE_OPERATOR, "no host in the URL");
	address->host = strndup(url->host.at, url->host.size);
	if (address->host == NULL)
		return failure_set(why, FAILURE_OPERATOR, "out of memory");
	address->port = url->port == 0 ? REDIS_URL_DEFAULT_PORT : url->port;
	if (db.size > 0) { /* "/2" */
		db.at++;
		db.size--;
	}
	return take_db(db, address, why);
}

static bool
take_unix(const struct url *url, struct redis_address *address, struct failure *why)
{
	const size_t longest = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (url->host.size > 0 || url->port != 0)
		return failure_set(why, FAILURE_OPERATOR,
				   "a unix socket has no host: three slashes before the path");
	if (url->path.size < 2)
		return failure_set(why, FAILURE_OPERATOR, "no path of a unix socket in the URL");
	if (!decode(url->path, "path", &address->path, why))
		return false;
	if (strlen(address->path) > longest)
		return failure_set(why, FAILURE_OPERATOR,
				   "the path of the unix socket is longer than %zu bytes", longest);
	return true;
}

static bool
take_place(const struct url *url, struct redis_address *address, struct failure *why)
{
	if (url_scheme_is(url, "unix") || url_scheme_is(url, "redis+unix"))
		return take_unix(url, address, why);
	address->tls = url_scheme_is(url, "rediss");
	if (!address->tls && !url_scheme_is(url, "redis"))
		return failure_set(why, FAILURE_OPERATOR,
				   "must begin with redis://, rediss:// or unix://");
#if !defined(HAVE_REDIS_TLS)
	if (address->tls)
		return failure_set(
			why, FAILURE_OPERATOR,
			"this build has no TLS support (it needs hiredis_ssl, of hiredis "
			"1.0 or later); use redis:// or unix://");
#endif
	return take_tcp(url, address, why);
}

bool
redis_url_parse(const char *url, struct redis_address *address, struct failure *why)
{
	struct redis_address result = {.host = NULL};
	struct url parts;

	if (!url_split(url, &parts, why))
		return false;
	if (parts.fragment.at != NULL)
		return failure_set(why, FAILURE_OPERATOR,
				   "a # in the URL (write %%23 where it belongs to the password)");
	if (!take_place(&parts, &result, why) || !take_credentials(&parts, &result, why) ||
	    !take_query(parts.query, &result, why)) {
		redis_address_free(&result);
		return false;
	}
	*address = result;
	return true;
}

void
redis_address_free(struct redis_address *address)
{
	if (address->password != NULL)
		explicit_bzero(address->password, strlen(address->password));
	free(address->password);
	free(address->user);
	free(address->host);
	free(address->path);
	*address = (struct redis_address){.host = NULL};
}

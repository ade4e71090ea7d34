/*
 * fuzz_url.c - REDIS_URL, DATABASE_URL and the URLs of servers.        [tests]
 *
 * Holds: what is taken is complete and, written again, is taken as the same; libpq takes what we
 * make of DATABASE_URL; what is refused is the operator's, with a message that repeats no password.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/database_url.h"
#include "common/failure.h"
#include "common/redis_url.h"
#include "common/url.h"
#include "tests/fuzz/input.h"

static void
check_refusal(const struct failure *why, const char *url)
{
	const char *user_end = strchr(url, '@');

	fuzz_check_failure(why);
	FUZZ_CHECK(why->category == FAILURE_OPERATOR);
	/* The word is no part of any message, so that it can only come from the URL. */
	if (user_end != NULL && strstr(url, "Zq9Canary") != NULL)
		FUZZ_CHECK(strstr(why->message, "Zq9Canary") == NULL);
}

/* A URL as it grows; there is room for all of it from the start. */
struct written {
	char text[65536];
	size_t size;
};

static void
add(struct written *url, const char *text)
{
	url->size +=
		(size_t)snprintf(url->text + url->size, sizeof(url->text) - url->size, "%s", text);
	FUZZ_CHECK(url->size < sizeof(url->text));
}

static void
add_encoded(struct written *url, const char *text)
{
	char escape[4];

	for (; *text != '\0'; text++) {
		(void)snprintf(escape, sizeof(escape), "%%%02x",
			       (unsigned int)(unsigned char)*text);
		add(url, escape);
	}
}

static void
write_redis_url(const struct redis_address *address, struct written *url)
{
	char number[40];

	url->size = 0;
	add(url, address->path != NULL ? "unix://" : address->tls ? "rediss://" : "redis://");
	add_encoded(url, address->user != NULL ? address->user : "");
	if (address->password != NULL) {
		add(url, ":");
		add_encoded(url, address->password);
	}
	if (address->user != NULL || address->password != NULL)
		add(url, "@");
	if (address->path != NULL) {
		add(url, "/");
		add_encoded(url, address->path + 1);
		(void)snprintf(number, sizeof(number), "?db=%d", address->db);
	} else {
		bool is_v6 = strchr(address->host, ':') != NULL;

		add(url, is_v6 ? "[" : "");
		add(url, address->host);
		(void)snprintf(number, sizeof(number), "%s:%d/%d", is_v6 ? "]" : "", address->port,
			       address->db);
	}
	add(url, number);
}

static void
try_redis(const char *url)
{
	struct redis_address address, again;
	static struct written text;
	struct failure why;

	if (!redis_url_parse(url, &address, &why)) {
		check_refusal(&why, url);
		return;
	}
	FUZZ_CHECK((address.host == NULL) != (address.path == NULL));
	FUZZ_CHECK(address.path == NULL || (address.path[0] == '/' && address.port == 0));
	FUZZ_CHECK(address.host == NULL || (address.port >= 1 && address.port <= 65535));
	FUZZ_CHECK(address.db >= 0);
	write_redis_url(&address, &text);
	FUZZ_CHECK(redis_url_parse(text.text, &again, &why));
	FUZZ_CHECK(fuzz_same(address.host, again.host) && fuzz_same(address.path, again.path));
	FUZZ_CHECK(fuzz_same(address.user, again.user));
	FUZZ_CHECK(fuzz_same(address.password, again.password));
	FUZZ_CHECK(address.port == again.port && address.db == again.db);
	FUZZ_CHECK(address.tls == again.tls);
	redis_address_free(&again);
	redis_address_free(&address);
}

static void
try_database(const char *url)
{
	struct database_address address, again;
	struct failure why;
	PQconninfoOption *options;
	char *error = NULL;

	if (!database_url_parse(url, &address, &why)) {
		check_refusal(&why, url);
		return;
	}
	FUZZ_CHECK(address.schema[0] != '\0' && address.statement_cache_size >= -1);
	options = PQconninfoParse(address.conninfo, &error);
	if (options == NULL)
		(void)fprintf(stderr, "%s: %s\n", address.conninfo, error);
	FUZZ_CHECK(options != NULL);
	PQconninfoFree(options);
	/* Nothing of Prisma's is left in it, so nothing changes any more. */
	FUZZ_CHECK(database_url_parse(address.conninfo, &again, &why));
	FUZZ_CHECK(fuzz_same(address.conninfo, again.conninfo));
	database_address_free(&again);
	database_address_free(&address);
}

static void
try_server(const char *url)
{
	struct failure why;
	struct url split;
	char *base = url_http_base(url, true, &why), *again;

	if (base == NULL) {
		check_refusal(&why, url);
		return;
	}
	FUZZ_CHECK(url_split(base, &split, &why));
	FUZZ_CHECK(url_scheme_is(&split, "http") || url_scheme_is(&split, "https"));
	FUZZ_CHECK(url_scheme_is(&split, "https") ||
		   url_host_is_loopback(split.host.at, split.host.size));
	FUZZ_CHECK(split.user.at == NULL && split.query.at == NULL && split.fragment.at == NULL);
	FUZZ_CHECK(base[strlen(base) - 1] != '/');
	again = url_http_base(base, true, &why);
	FUZZ_CHECK(fuzz_same(base, again));
	free(again);
	free(base);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *url = fuzz_text(data, size < 16384 ? size : 16384);

	try_redis(url);
	try_database(url);
	try_server(url);
	free(url);
	return 0;
}

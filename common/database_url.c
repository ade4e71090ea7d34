/*
 * database_url.c - DATABASE_URL as Prisma writes it, made fit for libpq.   [every process]
 *
 * The text before the `?` goes on untouched; of the parameters, each goes to one of three places:
 * it is ours (schema, pgbouncer ...), libpq knows it, or it is left out. libpq then has the last
 * word on the result.
 */
#include "common/database_url.h"

#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "common/url.h"

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

/* TLS parameters, which mean different things to the two: decided when all are known. */
struct tls {
	char *sslmode, *sslcert, *sslkey, *sslrootcert, *sslpassword;
	bool strict, identity;
};

/* A libpq URI in the making. */
struct text {
	char *at;
	size_t size, capacity;
	bool has_query, failed;
};

struct parse {
	struct database_address address;
	struct tls tls;
	struct text uri;
};

static bool
out_of_memory(struct failure *why)
{
	return failure_set(why, FAILURE_OPERATOR, "out of memory");
}

/* ---------------------------------------------------------------- the URI in the making */

/* The capacity is known beforehand (see new_uri), so that no copy with the password is left in the
 * heap. */
static void
append(struct text *text, const char *bytes, size_t size)
{
	if (text->failed || size >= text->capacity - text->size) {
		text->failed = true;
		return;
	}
	memcpy(text->at + text->size, bytes, size);
	text->size += size;
	text->at[text->size] = '\0';
}

static void
append_parameter(struct text *text, struct url_slice name, struct url_slice value)
{
	append(text, text->has_query ? "&" : "?", 1);
	text->has_query = true;
	append(text, name.at, name.size);
	append(text, "=", 1);
	append(text, value.at, value.size);
}

/* A value that is ours or decoded; what a URI gives a meaning is encoded again. */
static void
append_plain(struct text *text, const char *name, const char *value)
{
	static const char hex[] = "0123456789ABCDEF";

	if (value == NULL)
		return;
	append_parameter(text, (struct url_slice){name, strlen(name)}, (struct url_slice){"", 0});
	for (; *value != '\0'; value++) {
		unsigned char byte = (unsigned char)*value;
		char escaped[3] = {'%', hex[byte >> 4], hex[byte & 15]};

		if (byte <= ' ' || byte >= 0x7F || strchr("%&=?#+", byte) != NULL)
			append(text, escaped, 3);
		else
			append(text, value, 1);
	}
}

static bool
new_uri(struct text *uri, const char *url, const char *query)
{
	/* Everything may be encoded anew, three bytes for one, and a root certificate be added. */
	uri->capacity = 3 * strlen(url) + 2 * sizeof(SYSTEM_ROOTS) + 64;
	uri->at = malloc(uri->capacity);
	if (uri->at == NULL)
		return false;
	append(uri, url, (size_t)(query - url));
	return true;
}

/* ---------------------------------------------------------------- parameters */

static bool
libpq_knows(const char *name)
{
	PQconninfoOption *known = PQconndefaults();
	bool found = false;

	for (const PQconninfoOption *option = known; option != NULL && option->keyword != NULL;
	     option++)
		found = found || strcmp(option->keyword, name) == 0;
	PQconninfoFree(known);
	return found;
}

static bool
take_schema(struct database_address *address, const char *value, struct failure *why)
{
	char *copy;

	if (*value == '\0')
		return true;
	copy = strdup(value);
	if (copy == NULL)
		return out_of_memory(why);
	free(address->schema);
	address->schema = copy;
	return true;
}

/* Prisma's own parameters are never an error (contract.md): what is no number is left alone. */
static void
take_cache_size(struct database_address *address, const char *value)
{
	struct url_slice digits = {.at = value, .size = strlen(value)};
	int size;

	if (url_number(digits, 0, INT_MAX, &size))
		address->statement_cache_size = size;
}

/* What is neither yes nor no was meant to say that there is a pooler; without prepared statements
 * everything works, too. */
static void
take_pgbouncer(struct database_address *address, const char *value)
{
	static const char *const no[] = {"", "false", "0", "no", "off"};

	address->pgbouncer = true;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcasecmp(value, no[i]) == 0)
			address->pgbouncer = false;
}

static bool
take_sslmode(struct tls *tls, const char *value, struct failure *why)
{
	static const char *const modes[] = {"disable", "allow",     "prefer",
					    "require", "verify-ca", "verify-full"};
	const char *mode = strcmp(value, "no-verify") == 0 ? "require" : value; /* node-postgres */

	if (*value == '\0')
		return true;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(mode, modes[i]) != 0)
			continue;
		free(tls->sslmode);
		tls->sslmode = strdup(mode);
		return tls->sslmode != NULL ? true : out_of_memory(why);
	}
	return failure_set(why, FAILURE_OPERATOR,
			   "sslmode is none of disable, allow, prefer, require, verify-ca, "
			   "verify-full");
}

static bool
keep(char **place, const char *value, struct failure *why)
{
	text_free_secret(*place);
	*place = strdup(value);
	return *place != NULL ? true : out_of_memory(why);
}

/* True in *ours: the parameter is no longer libpq's business. */
static bool
take_ours(struct parse *parse, const char *name, const char *value, bool *ours, struct failure *why)
{
	struct tls *tls = &parse->tls;

	*ours = true;
	if (strcmp(name, "schema") == 0)
		return take_schema(&parse->address, value, why);
	if (strcmp(name, "sslmode") == 0)
		return take_sslmode(tls, value, why);
	if (strcmp(name, "sslcert") == 0)
		return keep(&tls->sslcert, value, why);
	if (strcmp(name, "sslkey") == 0)
		return keep(&tls->sslkey, value, why);
	if (strcmp(name, "sslrootcert") == 0)
		return keep(&tls->sslrootcert, value, why);
	if (strcmp(name, "sslpassword") == 0)
		return keep(&tls->sslpassword, value, why);
	if (strcmp(name, "pgbouncer") == 0)
		take_pgbouncer(&parse->address, value);
	else if (strcmp(name, "statement_cache_size") == 0)
		take_cache_size(&parse->address, value);
	else if (strcmp(name, "sslaccept") == 0)
		tls->strict = strcmp(value, "strict") == 0;
	else if (strcmp(name, "sslidentity") == 0)
		tls->identity = true;
	else
		*ours = false;
	return true;
}

/* connect_timeout=0 waits for ever and a negative port is no port: libpq would find out too late.
 */
static bool
check_numbers(const char *name, const char *value, struct failure *why)
{
	int number;

	if (strcmp(name, "connect_timeout") != 0 ||
	    url_number((struct url_slice){value, strlen(value)}, 0, INT_MAX, &number))
		return true;
	return failure_set(why, FAILURE_OPERATOR, "connect_timeout is not a whole number");
}

static bool
take_parameter(struct parse *parse, struct url_slice name_slice, struct url_slice value_slice,
	       struct failure *why)
{
	char *name = url_decode(name_slice), *value = NULL;
	bool ours = false, done = false;

	if (name == NULL) {
		failure_set(why, FAILURE_OPERATOR, "a broken %%XX escape after the ?");
		goto out;
	}
	value = url_decode(value_slice);
	if (value == NULL) {
		failure_set(why, FAILURE_OPERATOR, "a broken %%XX escape after the ?");
		goto out;
	}
	if (!take_ours(parse, name, value, &ours, why))
		goto out;
	/* An empty number counts as unset; libpq would refuse it. */
	if (strcmp(name, "connect_timeout") == 0 && *value == '\0')
		ours = true;
	if (!ours && libpq_knows(name)) {
		if (!check_numbers(name, value, why))
			goto out;
		append_parameter(&parse->uri, name_slice, value_slice);
	}
	done = true;
out:
	free(name);
	text_free_secret(value);
	return done;
}

static bool
take_query(struct parse *parse, const char *query, struct failure *why)
{
	const char *at = query, *end = query + strlen(query);

	while (at < end) {
		const char *next = strchr(at, '&'), *stop = next == NULL ? end : next;
		const char *equals = memchr(at, '=', (size_t)(stop - at));
		const char *name_end = equals == NULL ? stop : equals;
		const char *value = equals == NULL ? stop : equals + 1;

		if (name_end > at &&
		    !take_parameter(parse, (struct url_slice){at, (size_t)(name_end - at)},
				    (struct url_slice){value, (size_t)(stop - value)}, why))
			return false;
		at = next == NULL ? end : next + 1;
	}
	return true;
}

/*
 * sslcert is the client's certificate to libpq and the server's root to Prisma; only libpq's comes
 * with a key. Prisma's strict means what libpq calls verify-full, and then it wants to know the
 * roots; without sslmode=require both may go on without TLS, and there is nothing to verify. A
 * PKCS#12 identity libpq cannot read.
 */
static void
settle_tls(struct parse *parse)
{
	struct tls *tls = &parse->tls;
	const char *root = tls->sslrootcert, *mode = tls->sslmode;
	bool client = tls->sslcert != NULL && tls->sslkey != NULL;

	if (root == NULL && !client)
		root = tls->sslcert;
	if (tls->strict && mode != NULL && strcmp(mode, "require") == 0) {
		mode = "verify-full";
		root = root == NULL ? SYSTEM_ROOTS : root;
	}
	append_plain(&parse->uri, "sslmode", mode);
	append_plain(&parse->uri, "sslrootcert", root);
	append_plain(&parse->uri, "sslkey", tls->sslkey);
	if (client)
		append_plain(&parse->uri, "sslcert", tls->sslcert);
	if (!tls->identity)
		append_plain(&parse->uri, "sslpassword", tls->sslpassword);
}

/* ---------------------------------------------------------------- libpq's word */

/* Ports come as "5432" or, for several hosts, "5432,,5433". */
static bool
ports_valid(const char *ports)
{
	const char *at = ports;
	int port;

	while (at != NULL && *ports != '\0') {
		const char *comma = strchr(at, ',');
		size_t size = comma == NULL ? strlen(at) : (size_t)(comma - at);

		if (size > 0 && !url_number((struct url_slice){at, size}, 1, 65535, &port))
			return false;
		at = comma == NULL ? NULL : comma + 1;
	}
	return true;
}

/* libpq's message up to where it starts to quote: what it quotes may be a piece of the password. */
static bool
refuse(char *message, struct failure *why)
{
	size_t size = message == NULL ? 0 : strcspn(message, "\":\n");

	while (size > 0 && message[size - 1] == ' ')
		size--;
	failure_set(why, FAILURE_OPERATOR, "not a libpq connection URI%s%.*s", size > 0 ? ": " : "",
		    (int)size, size > 0 ? message : "");
	PQfreemem(message);
	return false;
}

static bool
check_with_libpq(const char *conninfo, struct failure *why)
{
	char *message = NULL;
	PQconninfoOption *options = PQconninfoParse(conninfo, &message);
	bool valid = true;

	if (options == NULL)
		return refuse(message, why);
	for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
		if (strcmp(option->keyword, "port") == 0 && option->val != NULL)
			valid = ports_valid(option->val);
	}
	PQconninfoFree(options);
	if (!valid)
		return failure_set(why, FAILURE_OPERATOR,
				   "the port is not a whole number from 1 to 65535");
	return true;
}

/* ---------------------------------------------------------------- the whole */

static const char *
after_scheme(const char *url)
{
	static const char *const schemes[] = {"postgresql://", "postgres://"};

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(url, schemes[i], strlen(schemes[i])) == 0)
			return url + strlen(schemes[i]);
	}
	return NULL;
}

/* Where the parameters begin (the ? or the end). As in libpq, a ? in the user part is not it. */
static const char *
find_query(const char *rest)
{
	const char *at = rest + strcspn(rest, "@/");

	return (*at == '@' ? at : rest) + strcspn(*at == '@' ? at : rest, "?");
}

static bool
parse_all(struct parse *parse, const char *url, struct failure *why)
{
	const char *rest = after_scheme(url), *query;

	if (rest == NULL)
		return failure_set(
			why, FAILURE_OPERATOR,
			"must begin with postgresql:// (postgresql://user@host:port/db)");
	query = find_query(rest);
	parse->address.schema = strdup("public");
	if (parse->address.schema == NULL || !new_uri(&parse->uri, url, query))
		return out_of_memory(why);
	if (*query == '?' && !take_query(parse, query + 1, why))
		return false;
	settle_tls(parse);
	if (parse->uri.failed)
		return failure_set(why, FAILURE_OPERATOR, "too long");
	return check_with_libpq(parse->uri.at, why);
}

bool
database_url_parse(const char *url, struct database_address *address, struct failure *why)
{
	struct parse parse = {.address = {.statement_cache_size = -1}};
	bool done = parse_all(&parse, url, why);

	free(parse.tls.sslmode);
	free(parse.tls.sslcert);
	free(parse.tls.sslkey);
	free(parse.tls.sslrootcert);
	text_free_secret(parse.tls.sslpassword);
	parse.address.conninfo = parse.uri.at;
	if (done)
		*address = parse.address;
	else
		database_address_free(&parse.address);
	return done;
}

void
database_address_free(struct database_address *address)
{
	text_free_secret(address->conninfo);
	free(address->schema);
	*address = (struct database_address){.statement_cache_size = -1};
}

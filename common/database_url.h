#ifndef COMMON_DATABASE_URL_H
#define COMMON_DATABASE_URL_H
/*
 * database_url.h - DATABASE_URL as Prisma writes it, made fit for libpq.   [every process]
 *
 * The API server's URL is shared with us. It may hold parameters of Prisma's own, which libpq would
 * refuse as unknown; they are taken out here. What libpq knows is passed on as it is. Prisma's
 * parameters: https://www.prisma.io/docs/orm/overview/databases/postgresql ("Arguments") libpq's
 * URI: PostgreSQL documentation, 34.1.1.2 "Connection URIs".
 */
#include <stdbool.h>

#include "common/failure.h"

struct database_address {
	char *conninfo; /* a libpq URI without Prisma's parameters; holds the password: a secret */
	char *schema;   /* qualifies our SQL, not quoted; "public" where the URL names none */
	bool pgbouncer; /* behind a transaction pooler: no prepared statements */
	int statement_cache_size; /* 0: no prepared statements either; -1: not given */
};

/*
 * Fills *address from url (postgresql:// or postgres://); its strings are owned by it and freed by
 * database_address_free(). Parameters that neither libpq nor we know are left out, as Prisma does.
 * On false nothing was written and *why (FAILURE_OPERATOR) says what is wrong without repeating any
 * part of the URL but names and values of known parameters.
 */
bool database_url_parse(const char *url, struct database_address *address, struct failure *why);

/* Erases and frees the strings and clears *address. */
void database_address_free(struct database_address *address);

#endif

/*
 * postgres_statement.c - the SQL of a statement, and its name on the server.  [worker, dispatcher]
 */
#include "common/postgres_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *
postgres_quote_identifier(const char *name)
{
	size_t length = strlen(name);
	char *out = malloc(2 * length + 3);
	char *at = out;

	if (out == NULL)
		return NULL;
	*at++ = '"';
	for (; *name != '\0'; name++) {
		if (*name == '"')
			*at++ = '"';
		*at++ = *name;
	}
	*at++ = '"';
	*at = '\0';
	return out;
}

char *
postgres_with_schema(const struct postgres *postgres, const char *sql)
{
	static const char mark[] = "{schema}";
	const size_t mark_size = sizeof(mark) - 1;
	size_t schema_size = strlen(postgres->schema);
	size_t count = 0;
	char *out, *to;

	for (const char *at = sql; (at = strstr(at, mark)) != NULL; at += mark_size)
		count++;
	out = malloc(strlen(sql) + count * schema_size + 1);
	if (out == NULL)
		return NULL;
	to = out;
	for (const char *at; (at = strstr(sql, mark)) != NULL; sql = at + mark_size) {
		memcpy(to, sql, (size_t)(at - sql));
		to += at - sql;
		memcpy(to, postgres->schema, schema_size);
		to += schema_size;
	}
	memcpy(to, sql, strlen(sql) + 1);
	return out;
}

/* Behind a pooler one name may be prepared by several publishers; the same name is the same SQL
 * (FNV-1a).
 */
static void
name_on_server(struct prepared *entry)
{
	uint64_t digest = 14695981039346656037U;

	for (const char *at = entry->sql; *at != '\0'; at++)
		digest = (digest ^ (unsigned char)*at) * 1099511628211U;
	snprintf(entry->name, sizeof(entry->name), "%.40s_%016" PRIx64, entry->statement->name,
		 digest);
}

struct prepared *
postgres_find_statement(struct postgres *postgres, const struct postgres_statement *statement)
{
	struct prepared *entry;

	for (int i = 0; i < postgres->statement_count; i++) {
		if (postgres->statements[i].statement == statement)
			return &postgres->statements[i];
	}
	if (postgres->statement_count == POSTGRES_STATEMENTS_MAX)
		return NULL;
	entry = &postgres->statements[postgres->statement_count];
	*entry = (struct prepared){.statement = statement,
				   .sql = postgres_with_schema(postgres, statement->sql)};
	if (entry->sql == NULL)
		return NULL;
	name_on_server(entry);
	postgres->statement_count++;
	return entry;
}

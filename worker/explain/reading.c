/*
 * reading.c - what was read, and that no secret in it is shown.        [explain command]
 */
#include "worker/explain/reading.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "worker/explain/rows.h"

/* Shorter ones would be found everywhere. */
#define SECRET_LEAST_SIZE 8

bool
reading_init(struct reading *reading, const struct config *config, struct failure *why)
{
	*reading = (struct reading){.config = config,
				    .database = config->database,
				    .redis = redis_new(&config->redis, NULL),
				    .facts = {.config = config}};
	/* Each statement runs once: to prepare it would be a round trip for nothing. */
	reading->database.statement_cache_size = 0;
	reading->postgres = postgres_new(&reading->database, "isekai-publisher explain");
	facts_not_asked(&reading->facts, "");
	return (reading->redis != NULL && reading->postgres != NULL) ||
	       failure_set(why, FAILURE_AWAY, "out of memory");
}

/* The row holds the artist's tokens. */
static void
wipe_tokens(struct pg_result *row)
{
	for (int column = ROW_ACCESS_TOKEN; row != NULL && column <= ROW_REFRESH_TOKEN; column++) {
		char *token = PQgetvalue(POSTGRES_RESULT(row), 0, column);

		explicit_bzero(token, strlen(token));
	}
}

void
reading_forget_rows(struct reading *reading)
{
	wipe_tokens(reading->row);
	PQclear(POSTGRES_RESULT(reading->row));
	PQclear(POSTGRES_RESULT(reading->files));
	PQclear(POSTGRES_RESULT(reading->trail));
	free(reading->file_list);
	free(reading->step_list);
	reading->row = reading->files = reading->trail = NULL;
	reading->file_list = NULL;
	reading->step_list = NULL;
}

void
reading_fini(struct reading *reading)
{
	reading_forget_rows(reading);
	redis_reply_free(reading->reply);
	postgres_free(reading->postgres);
	redis_free(reading->redis);
}

static void
mask(char *text, const char *secret)
{
	size_t size = secret != NULL ? strlen(secret) : 0;

	if (size < SECRET_LEAST_SIZE)
		return;
	while ((text = strstr(text, secret)) != NULL)
		memset(text, '*', size);
}

void
reading_mask(const struct reading *reading, char *text)
{
	const struct config *config = reading->config;
	const char *const secrets[] = {
		config->deviantart_client_secret, config->s3_secret_access_key,
		config->redis.password,
		reading->row != NULL
			? PQgetvalue(POSTGRES_RESULT(reading->row), 0, ROW_ACCESS_TOKEN)
			: NULL,
		reading->row != NULL
			? PQgetvalue(POSTGRES_RESULT(reading->row), 0, ROW_REFRESH_TOKEN)
			: NULL};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		mask(text, secrets[i]);
}

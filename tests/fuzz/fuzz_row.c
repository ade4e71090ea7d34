/*
 * fuzz_row.c - a row of the API server and the journal becomes a deviation.    [tests]
 *
 * Input: the columns of sql/begin.sql in its order, each ended by "---"; "\N" alone is NULL. Holds:
 * what is read is complete (lists end, items and digests fit, no file is told twice) and can be
 * asked for all that a publish asks; the row's tokens are wiped from libpq's block.
 */
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "common/postgres.h"
#include "tests/fuzz/input.h"
#include "worker/deviation.h"

#define COLUMNS       37
#define ACCESS_TOKEN  25
#define REFRESH_TOKEN 26

static PGresult *
make_row(struct fuzz_input *input)
{
	PGresult *row = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[COLUMNS] = {{0}};
	char name[] = "c";

	FUZZ_CHECK(row != NULL);
	for (int i = 0; i < COLUMNS; i++)
		columns[i].name = name;
	FUZZ_CHECK(PQsetResultAttrs(row, COLUMNS, columns) != 0);
	for (int i = 0; i < COLUMNS; i++) {
		char *value = fuzz_part(input, NULL); /* PostgreSQL knows no NUL bytes */
		bool is_null = strcmp(value, "\\N") == 0;

		FUZZ_CHECK(PQsetvalue(row, 0, i, is_null ? NULL : value,
				      is_null ? -1 : (int)strlen(value)) != 0);
		free(value);
	}
	return row;
}

static void
check_wiped(PGresult *row, int column)
{
	const char *value = PQgetvalue(row, 0, column);

	for (int i = 0; i < PQgetlength(row, 0, column); i++)
		FUZZ_CHECK(value[i] == '\0');
}

static void
check_file(const struct deviation *deviation, const struct deviation_file *file)
{
	char digest[65], again[65];

	FUZZ_CHECK(strnlen(file->item, sizeof(file->item)) < sizeof(file->item));
	FUZZ_CHECK(strnlen(file->digest, sizeof(file->digest)) < sizeof(file->digest));
	FUZZ_CHECK(file->state >= FILE_NEW && file->state <= FILE_PUBLISHED);
	deviation_digest(deviation, file, digest);
	deviation_digest(deviation, file, again);
	FUZZ_CHECK(strlen(digest) == 64 && strspn(digest, "0123456789abcdef") == 64);
	FUZZ_CHECK(strcmp(digest, again) == 0);
}

static void
check_deviation(struct deviation *deviation)
{
	struct deviantart_post post = deviation_post(deviation);
	char **tags = deviantart_clean_tags(post.tags);
	char *title = deviantart_clean_title(post.title, NULL);
	struct failure why;

	FUZZ_CHECK(tags != NULL && title != NULL);
	FUZZ_CHECK(deviation->status <= DEVIATION_STATUS_UNKNOWN);
	FUZZ_CHECK((deviation->file_count > 0) == (deviation->files != NULL));
	for (size_t i = 0; i < deviation->file_count; i++)
		check_file(deviation, &deviation->files[i]);
	(void)deviation_retries(deviation, "NETWORK_ERROR");
	FUZZ_CHECK(deviation_set_tokens(deviation, "new", "newer", 3600000, &why));
	FUZZ_CHECK(strcmp(deviation->access_token, "new") == 0);
	deviantart_free_tags(tags);
	free(title);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {(const char *)data, size};
	PGresult *row = make_row(&input);
	struct deviation *deviation = NULL;
	struct failure why;

	if (deviation_read("the-id", (struct pg_result *)row, &deviation, &why)) {
		FUZZ_CHECK(strcmp(deviation->id, "the-id") == 0);
		FUZZ_CHECK(deviation->user_found == !PQgetisnull(row, 0, ACCESS_TOKEN));
		check_wiped(row, ACCESS_TOKEN);
		check_wiped(row, REFRESH_TOKEN);
		check_deviation(deviation);
		deviation_free(deviation);
	} else {
		fuzz_check_failure(&why);
	}
	PQclear(row);
	return 0;
}

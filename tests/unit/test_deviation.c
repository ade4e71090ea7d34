/*
 * deviation.c: a row with values that make no sense is read all the same, and harms nobody.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "worker/deviation.h"

/* The columns of sql/begin.sql, by their place. */
enum {
	STATUS,
	USER_ID,
	TAGS = 8,
	ACCESS = 25,
	REFRESH,
	FILES = 29,
	JOURNAL,
	RETRIES = 32,
	COLUMNS = 37
};

static PGresult *
row_with(const char *files, const char *journal, const char *retries)
{
	char name[] = "column", status[] = "scheduled", user[] = "user-1", token[] = "token";
	PGresult *row = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc columns[COLUMNS] = {{0}};
	const char *values[COLUMNS] = {
		[STATUS] = status, [USER_ID] = user,    [ACCESS] = token,   [REFRESH] = token,
		[FILES] = files,   [JOURNAL] = journal, [RETRIES] = retries};

	assert_non_null(row);
	for (int i = 0; i < COLUMNS; i++)
		columns[i].name = name;
	assert_int_equal(PQsetResultAttrs(row, COLUMNS, columns), 1);
	for (int i = 0; i < COLUMNS; i++) {
		char *value = values[i] != NULL ? strdup(values[i]) : NULL;

		assert_int_equal(
			PQsetvalue(row, 0, i, value, value != NULL ? (int)strlen(value) : -1), 1);
		free(value);
	}
	return row;
}

static struct deviation *
read_row(PGresult *row)
{
	struct deviation *deviation = NULL;
	struct failure why;

	assert_true(deviation_read("d-1", (struct pg_result *)row, &deviation, &why));
	return deviation;
}

static void
numbers_that_no_integer_holds_count_as_absent(void **state)
{
	PGresult *row = row_with(
		"[{\"id\":\"f1\",\"size\":1e300}]",
		"[{\"id\":\"f1\",\"state\":\"publishing\",\"first_at\":-1e300,\"last_ms\":1e19,"
		"\"public_ms\":1e300,\"asks\":9e9,\"looks\":1e300}]",
		"{\"NETWORK_ERROR\":1e300,\"OUTAGE\":3}");
	struct deviation *deviation = read_row(row);
	const struct deviation_file *file = &deviation->files[0];

	(void)state;
	assert_int_equal(deviation->file_count, 1);
	assert_int_equal(file->size_bytes, -1);
	assert_int_equal(file->publish_first_at_s, 0);
	assert_int_equal(file->publish_last_ago_ms, -1);
	assert_int_equal(file->public_for_ms, -1);
	assert_int_equal(file->asks, INT32_MAX);
	assert_int_equal(file->looks, 0);
	assert_int_equal(deviation_retries(deviation, "NETWORK_ERROR"), 0);
	assert_int_equal(deviation->outages, 3);
	deviation_free(deviation);
	PQclear(row);
}

/* Under the leak checker this is the test. */
static void
a_file_that_the_journal_tells_twice_is_as_told_last(void **state)
{
	PGresult *row = row_with("[{\"id\":\"f1\",\"size\":7}]",
				 "[{\"id\":\"f1\",\"deviation_id\":\"A\",\"url\":\"x\"},"
				 "{\"id\":\"f1\",\"deviation_id\":\"B\",\"url\":\"y\"}]",
				 "{}");
	struct deviation *deviation = read_row(row);

	(void)state;
	assert_string_equal(deviation->files[0].deviation_id, "B");
	assert_string_equal(deviation->files[0].url, "y");
	deviation_free(deviation);
	PQclear(row);
}

static void
json_of_another_shape_is_passed_over(void **state)
{
	PGresult *row = row_with("[7,{\"id\":7},null]", "{\"id\":\"f1\"}", "[]");
	struct deviation *deviation = read_row(row);

	(void)state;
	assert_int_equal(deviation->file_count, 3);
	for (size_t i = 0; i < deviation->file_count; i++) {
		assert_null(deviation->files[i].id);
		assert_int_equal(deviation->files[i].state, FILE_NEW);
	}
	deviation_free(deviation);
	PQclear(row);
}

static void
tokens_are_wiped_from_the_answer_that_brought_them(void **state)
{
	PGresult *row = row_with("[]", "[]", "{}");
	struct deviation *deviation = read_row(row);

	(void)state;
	assert_string_equal(deviation->access_token, "token");
	assert_string_equal(deviation->refresh_token, "token");
	assert_memory_equal(PQgetvalue(row, 0, ACCESS), "\0\0\0\0\0", 5);
	assert_memory_equal(PQgetvalue(row, 0, REFRESH), "\0\0\0\0\0", 5);
	deviation_free(deviation);
	PQclear(row);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_that_no_integer_holds_count_as_absent),
		cmocka_unit_test(a_file_that_the_journal_tells_twice_is_as_told_last),
		cmocka_unit_test(json_of_another_shape_is_passed_over),
		cmocka_unit_test(tokens_are_wiped_from_the_answer_that_brought_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

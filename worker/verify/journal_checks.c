/*
 * journal_checks.c - the journal by itself, and its trail (I2, I12).   [verify command]
 */
#include "worker/verify/audit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/verify/secrets.h"

#define PAGE_TEXT "1000"

static const char verify_journal_sql[] =
#include "worker/sql/verify_journal.sql.h"
	;
static const struct postgres_statement verify_journal = {.name = "publisher_verify_journal",
							 .sql = verify_journal_sql};
static const char verify_trail_sql[] =
#include "worker/sql/verify_trail.sql.h"
	;
static const struct postgres_statement verify_trail = {.name = "publisher_verify_trail",
						       .sql = verify_trail_sql};

/* Few if any: the second look is the first one again. */
bool
examine_journal(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	PGresult *result;

	(void)ids;
	(void)count;
	if (!audit->has_journal)
		return true;
	result = POSTGRES_RESULT(audit_query(audit, &verify_journal, 0, NULL, why));
	if (result == NULL)
		return false;
	for (int i = 0; i < PQntuples(result); i++) {
		const char *id = PQgetvalue(result, i, 1), *who = PQgetvalue(result, i, 2);

		if (strcmp(PQgetvalue(result, i, 0), "item") == 0)
			audit_suspect(audit, EXAMINER_JOURNAL, CHECK_SHARED_ITEM, id,
				      AUDIT_SETTLE_MS, who,
				      "the journal has it for more than one file: %.500s", who);
		else
			audit_suspect(audit, EXAMINER_JOURNAL, CHECK_SHARED_POST, id,
				      AUDIT_SETTLE_MS, who, "%.500s", who);
	}
	PQclear(result);
	return true;
}

static void
judge_step(struct audit *audit, const PGresult *result, int at)
{
	const char *secret = secrets_find(audit->secrets, PQgetvalue(result, at, 2));

	if (secret != NULL)
		audit_suspect(audit, EXAMINER_TRAIL, CHECK_SECRET_IN_TRAIL,
			      PQgetvalue(result, at, 0), AUDIT_SETTLE_MS, "",
			      "publisher.steps, of deviation %.200s: its detail holds %s",
			      PQgetvalue(result, at, 1), secret);
}

/* The page after `after`; *last is set to its last id, and *more to whether there may be others. */
static bool
read_trail(struct audit *audit, const char *after, const char *how_many, char last[24], bool *more,
	   struct failure *why)
{
	const char *const values[] = {after, how_many};
	PGresult *result = POSTGRES_RESULT(audit_query(audit, &verify_trail, 2, values, why));
	int rows = result != NULL ? PQntuples(result) : 0;

	for (int i = 0; i < rows; i++)
		judge_step(audit, result, i);
	*more = rows == AUDIT_PAGE;
	if (rows > 0)
		snprintf(last, 24, "%s", PQgetvalue(result, rows - 1, 0));
	PQclear(result);
	return result != NULL;
}

bool
examine_trail(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	char after[24] = "0", last[24] = "0";
	bool more = ids == NULL;

	if (!audit->has_journal)
		return true;
	for (size_t i = 0; ids != NULL && i < count; i++) {
		bool others;

		snprintf(after, sizeof(after), "%lld", strtoll(ids[i], NULL, 10) - 1);
		if (!read_trail(audit, after, "1", last, &others, why))
			return false;
	}
	while (more) {
		snprintf(after, sizeof(after), "%s", last);
		if (!read_trail(audit, after, PAGE_TEXT, last, &more, why))
			return false;
	}
	return true;
}

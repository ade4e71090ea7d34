/*
 * tokens.c - no refresh token is lost (I5), as far as PostgreSQL and Redis tell.   [verify command]
 */
#include "worker/verify/audit.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "worker/token_pair.h"
#include "worker/verify/scan.h"

#define SETTLE_MS 2000

#define STATEMENT(var)                                                                             \
	static const struct postgres_statement var = {.name = "publisher_" #var, .sql = var##_sql}
static const char verify_leases_sql[] =
#include "worker/sql/verify_leases.sql.h"
	;
static const char verify_user_sql[] =
#include "worker/sql/verify_user.sql.h"
	;
STATEMENT(verify_leases);
STATEMENT(verify_user);

/* ---- pairs that are parked in Redis ---- */

/* Where the newest pair of a user is, as seen from the parked one. */
static const char *
place_of_newest(const struct token_pair *pair, const char *stored)
{
	if (strcmp(stored, pair->old_refresh) == 0)
		return "the row still has the one that was spent for it; the artist's next job "
		       "stores it";
	if (strcmp(stored, pair->refresh) == 0)
		return "the row has it already; the artist's next job removes it";
	return "the row has another one by now; the artist's next job removes it";
}

static bool
judge_parked(struct audit *audit, const char *user_id, struct failure *why)
{
	const char *const values[] = {user_id};
	PGresult *row = POSTGRES_RESULT(audit_query(audit, &verify_user, 1, values, why));
	struct token_pair *pair = NULL;
	char *unopened = NULL;
	bool done = row != NULL;

	if (row == NULL)
		return false;
	if (PQntuples(row) == 0) {
		audit_suspect(audit, EXAMINER_TOKENS, CHECK_PARKED_PAIR, user_id, SETTLE_MS, "gone",
			      "a pair of tokens is parked in Redis for a user who does not exist");
	} else if (PQgetvalue(row, 0, 1)[0] != 't') {
		done = token_pair_read_parked(audit->redis, audit->config->deviantart_client_secret,
					      user_id, &pair, &unopened, why);
		if (unopened != NULL) {
			struct failure sealed;

			(void)token_pair_cannot_be_opened(user_id, &sealed);
			audit_suspect(audit, EXAMINER_TOKENS, CHECK_PARKED_PAIR, user_id, SETTLE_MS,
				      "sealed", "%s", sealed.message);
			free(unopened);
		}
		if (pair != NULL)
			audit_suspect(audit, EXAMINER_TOKENS, CHECK_PARKED_PAIR, user_id, SETTLE_MS,
				      "parked",
				      "a pair of tokens lies parked in Redis and nobody refreshes: "
				      "%s",
				      place_of_newest(pair, PQgetvalue(row, 0, 0)));
	}
	if (PQntuples(row) > 0)
		explicit_bzero(PQgetvalue(row, 0, 0), (size_t)PQgetlength(row, 0, 0));
	token_pair_free(pair);
	PQclear(row);
	return done;
}

static bool
on_parked(void *arg, const char *const *keys, size_t count, struct failure *why)
{
	for (size_t i = 0; i < count; i++)
		if (!judge_parked(arg, keys[i] + strlen(AUDIT_NAME_PARKED), why))
			return false;
	return true;
}

/* ---- leases ---- */

static bool
judge_leases(void *arg, struct pg_result *page, struct failure *why)
{
	const PGresult *result = POSTGRES_RESULT(page);
	struct audit *audit = arg;

	(void)why;
	for (int i = 0; i < PQntuples(result); i++)
		audit_suspect(
			audit, EXAMINER_TOKENS, CHECK_STALE_LEASE, PQgetvalue(result, i, 0),
			SETTLE_MS, PQgetvalue(result, i, 1),
			"a refresh of the stored token began at %.40s and nobody knows how it "
			"ended; the artist's next job finds out",
			PQgetvalue(result, i, 1));
	return true;
}

/* Few are parked, few leases are stale: the second look is the first one again. */
bool
examine_tokens(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	(void)ids;
	(void)count;
	if (!audit->has_journal)
		return true;
	return scan_keys(audit, AUDIT_NAME_PARKED, on_parked, audit, why) &&
	       audit_pages(audit, &verify_leases, 2, NULL, judge_leases, audit, why);
}

/*
 * ledger_requests.c - tokens and pace, as the site saw them (I5, I8).  [verify command]
 */
#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis.h"
#include "worker/verify/audit.h"
#include "worker/verify/ledger.h"

#define CALL_MS   5000
#define SETTLE_MS 2000
/* From the slot to the site's clock: a token, the storage, a busy machine; and what was let through
 * before the refusal came. */
#define TOLERANCE_MS 1500.0
#define USERS_MAX    2000

static const char verify_logins_sql[] =
#include "worker/sql/verify_logins.sql.h"
	;
static const struct postgres_statement verify_logins = {.name = "publisher_verify_logins",
							.sql = verify_logins_sql};

/* The users in some records, each once; at most USERS_MAX. The caller frees the array. */
static const char **
users_of(const cJSON *records, size_t *count)
{
	const char **users = calloc(USERS_MAX, sizeof(*users));
	const cJSON *record;

	*count = 0;
	if (users == NULL)
		return NULL;
	cJSON_ArrayForEach(record, records)
	{
		const char *user = ledger_text(record, "user");
		bool known = user[0] == '\0' || *count == USERS_MAX;

		for (size_t i = *count; !known && i > 0; i--)
			known = strcmp(users[i - 1], user) == 0;
		if (!known)
			users[(*count)++] = user;
	}
	return users;
}

/* ---- I5 ---- */

static bool
is_parked(struct audit *audit, const char *user_id, bool *parked, struct failure *why)
{
	char key[400];
	const char *const argv[] = {"PTTL", key};
	redisReply *reply;

	/* PTTL of a missing key is -2; a reply is all that is wanted of it. */
	snprintf(key, sizeof(key), AUDIT_NAME_PARKED "%s", user_id);
	reply = redis_call(audit->redis, CALL_MS, why, 2, argv, NULL);
	*parked = reply != NULL && reply->integer != -2;
	redis_reply_free(reply);
	return reply != NULL;
}

struct login {
	const char *id, *name, *stored;
	bool refreshed_now, told;
};

/*
 * A spent token that is presented is the sign of a pair that was lost. It happens once by design,
 * when nobody can know whether it was spent; then the artist is asked to connect again.
 */
static void
judge_presentations(struct audit *audit, const struct ledger *ledger, const struct login *login)
{
	const cJSON *record;
	char evidence[40];
	int spent = 0;

	cJSON_ArrayForEach(record, ledger->refreshes) spent +=
		ledger_flag(record, "was_spent") &&
		strcmp(ledger_text(record, "user"), login->name) == 0;
	snprintf(evidence, sizeof(evidence), "%d", spent);
	if (spent > 0 && !login->told && !login->refreshed_now)
		audit_suspect(
			audit, EXAMINER_LEDGER, CHECK_PRESENTED_TWICE, login->id, SETTLE_MS,
			evidence,
			"a refresh token was presented after it was spent, %d time%s, and the "
			"artist was not asked to connect again",
			spent, spent == 1 ? "" : "s");
}

static bool
judge_stored(struct audit *audit, const struct ledger *ledger, const struct login *login,
	     struct failure *why)
{
	const cJSON *record;
	bool spent = false, parked;

	cJSON_ArrayForEach(record, ledger->refreshes) spent =
		spent || (ledger_flag(record, "ok") &&
			  strcmp(ledger_text(record, "refresh_token_hash"), login->stored) == 0);
	if (!spent || login->told || login->refreshed_now)
		return true;
	if (!is_parked(audit, login->id, &parked, why))
		return false;
	if (!parked)
		audit_suspect(
			audit, EXAMINER_LEDGER, CHECK_LOST_TOKEN, login->id, SETTLE_MS,
			login->stored,
			"the stored refresh token was spent, and the pair that came for it is "
			"neither stored nor parked");
	return true;
}

bool
ledger_look_at_tokens(struct audit *audit, const struct ledger *ledger, struct failure *why)
{
	size_t count;
	const char **users = users_of(ledger->refreshes, &count);
	const char *values[1] = {NULL};
	char *json = users != NULL ? audit_json(users, count, why) : NULL;
	PGresult *result = NULL;
	bool done = true;

	values[0] = json;
	if (json == NULL)
		done = users != NULL || failure_set(why, FAILURE_AWAY, "out of memory");
	if (json != NULL && count > 0) {
		result = POSTGRES_RESULT(audit_query(audit, &verify_logins, 1, values, why));
		done = result != NULL;
	}
	for (int i = 0; done && result != NULL && i < PQntuples(result); i++) {
		const struct login login = {.id = PQgetvalue(result, i, 0),
					    .name = PQgetvalue(result, i, 1),
					    .stored = PQgetvalue(result, i, 2),
					    .refreshed_now = PQgetvalue(result, i, 3)[0] == 't',
					    .told = PQgetvalue(result, i, 4)[0] == 't'};

		judge_presentations(audit, ledger, &login);
		done = judge_stored(audit, ledger, &login, why);
	}
	PQclear(result);
	free(json);
	free(users);
	return done;
}

/* ---- I8 ---- */

static bool
is_of(const cJSON *request, const char *user, const char *endpoint)
{
	return strcmp(ledger_text(request, "user"), user) == 0 &&
	       (endpoint == NULL || strcmp(ledger_text(request, "endpoint"), endpoint) == 0);
}

static bool
ended(const cJSON *request, const char *outcome)
{
	return strcmp(ledger_text(request, "outcome"), outcome) == 0;
}

static int
by_time(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/*
 * One artist's uploads are slots of the limiter: over any stretch there are no more of them than
 * fit, an adaptive delay (at least the base, less its jitter) apart. `starts` are in order.
 */
static void
judge_pace(struct audit *audit, const char *user, const double *starts, size_t count)
{
	const struct config *c = audit->config;
	double gap_ms = (double)c->rate_limiter_base_delay_ms *
			(100 - c->rate_limiter_jitter_percent) / 100;
	double lowest = 1e300;

	for (size_t i = 0; i < count; i++) {
		double ahead = (double)i * gap_ms - starts[i];

		if (ahead > lowest + TOLERANCE_MS) {
			audit_suspect(audit, EXAMINER_LEDGER, CHECK_TOO_FAST, user, AUDIT_SETTLE_MS,
				      "", "its uploads came faster than one in %.0f ms", gap_ms);
			return;
		}
		if (ahead < lowest)
			lowest = ahead;
	}
}

/* After a refusal that named a time no new slot begins before that is over. */
static void
judge_wait(struct audit *audit, const cJSON *refusal, const char *user, const double *starts,
	   size_t count)
{
	double told_ms =
		ledger_number(refusal, "started_ms") + ledger_number(refusal, "duration_ms");
	double until_ms = told_ms + 1000 * ledger_number(refusal, "retry_after_s");

	for (size_t i = 0; i < count; i++)
		if (starts[i] > told_ms + TOLERANCE_MS && starts[i] < until_ms - 100)
			audit_suspect(audit, EXAMINER_LEDGER, CHECK_TOO_SOON, user, AUDIT_SETTLE_MS,
				      "",
				      "an upload began %.0f ms before the time was over that "
				      "DeviantArt had asked to wait",
				      until_ms - starts[i]);
}

static bool
judge_user(struct audit *audit, const struct ledger *ledger, const char *user)
{
	double *starts = calloc((size_t)cJSON_GetArraySize(ledger->requests) + 1, sizeof(*starts));
	const cJSON *request;
	size_t count = 0;

	if (starts == NULL)
		return false;
	/* An upload that ends with 401 is made again at once, in the same slot. */
	cJSON_ArrayForEach(request, ledger->requests)
	{
		if (is_of(request, user, "submit") && !ended(request, "401"))
			starts[count++] = ledger_number(request, "started_ms");
	}
	qsort(starts, count, sizeof(*starts), by_time);
	if (audit->config->rate_limiter_enabled)
		judge_pace(audit, user, starts, count);
	cJSON_ArrayForEach(request, ledger->requests)
	{
		if (is_of(request, user, NULL) && ended(request, "429"))
			judge_wait(audit, request, user, starts, count);
	}
	free(starts);
	return true;
}

void
ledger_look_at_pace(struct audit *audit, const struct ledger *ledger)
{
	size_t count;
	const char **users = users_of(ledger->requests, &count);

	for (size_t i = 0; users != NULL && i < count && judge_user(audit, ledger, users[i]); i++)
		continue;
	free(users);
}

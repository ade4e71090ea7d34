/*
 * audit.c - what the examiners share.                                  [verify command]
 */
#include "worker/verify/audit.h"

#include <cjson/cJSON.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define SLACK_MS 3000
#define SWEEP_MOST_MS                                                                              \
	(10 * 60 * 1000) /* nobody waits longer for an audit, however rare the sweep */

void
audit_suspect(struct audit *audit, enum examiner examiner, enum check check, const char *id,
	      int64_t settle_ms, const char *evidence, const char *format, ...)
{
	char text[700];
	struct sighting sighting = {.examiner = examiner,
				    .check = check,
				    .id = id,
				    .settle_ms = settle_ms,
				    .evidence = evidence,
				    .text = text};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	suspicions_add(&audit->suspicions, &sighting, clock_mono_ms());
}

int64_t
audit_sweep_ms(const struct audit *audit)
{
	int64_t sweep_ms = audit->config->reconcile_interval_ms;

	return (sweep_ms < SWEEP_MOST_MS ? sweep_ms : SWEEP_MOST_MS) + SLACK_MS;
}

/* bullmq-protocol.md 11.2: seen by one check, taken back by a later one. */
int64_t
audit_stalled_ms(const struct audit *audit)
{
	return audit->config->lock_duration_ms + 2 * audit->config->stale_check_interval_ms +
	       SLACK_MS;
}

struct pg_result *
audit_query(struct audit *audit, const struct postgres_statement *statement, int count,
	    const char *const *values, struct failure *why)
{
	static const char begin[] = "BEGIN READ ONLY; SET LOCAL statement_timeout = '120s'";

	/* Nothing that this command sends could change anything; the server sees to it as well. */
	if (!audit->in_transaction || !postgres_connected(audit->postgres)) {
		struct pg_result *begun = postgres_run_text(audit->postgres, begin, why);

		if (begun == NULL)
			return NULL;
		PQclear(POSTGRES_RESULT(begun));
		audit->in_transaction = true;
	}
	return postgres_run(audit->postgres, statement, count, values, why);
}

void
audit_end_transaction(struct audit *audit)
{
	struct failure why;
	struct pg_result *ended;

	if (!audit->in_transaction)
		return;
	audit->in_transaction = false;
	ended = postgres_run_text(audit->postgres, "COMMIT", &why);
	if (ended == NULL)
		postgres_close(audit->postgres);
	else
		PQclear(POSTGRES_RESULT(ended));
}

bool
audit_pages(struct audit *audit, const struct postgres_statement *statement, int count,
	    const char *only, bool (*take)(void *arg, struct pg_result *page, struct failure *why),
	    void *arg, struct failure *why)
{
	char *after = strdup(""), how_many[16];
	bool done = after != NULL || failure_set(why, FAILURE_AWAY, "out of memory"), more = true;

	snprintf(how_many, sizeof(how_many), "%d", AUDIT_PAGE);
	while (done && more) {
		const char *const values[] = {after, how_many, only};
		PGresult *page = POSTGRES_RESULT(audit_query(audit, statement, count, values, why));

		done = page != NULL && take(arg, page, why);
		more = done && PQntuples(page) == AUDIT_PAGE;
		if (more) {
			free(after);
			after = strdup(PQgetvalue(page, AUDIT_PAGE - 1, 0));
			done = after != NULL || failure_set(why, FAILURE_AWAY, "out of memory");
		}
		PQclear(page);
	}
	free(after);
	return done;
}

char *
audit_json(const char *const *ids, size_t count, struct failure *why)
{
	cJSON *array = cJSON_CreateArray();
	char *json;

	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(array, cJSON_CreateString(ids[i]));
	json = cJSON_PrintUnformatted(array);
	cJSON_Delete(array);
	if (json == NULL)
		failure_set(why, FAILURE_AWAY, "out of memory");
	return json;
}

/*
 * journal.c - what PostgreSQL is told, one statement a step.             [worker]
 */
#include "worker/journal.h"

#include <cjson/cJSON.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char journal_1_sql[] =
#include "worker/sql/journal_1.sql.h"
	;
static const char begin_sql[] =
#include "worker/sql/begin.sql.h"
	;
static const char adopt_sql[] =
#include "worker/sql/adopt.sql.h"
	;
static const char submitted_sql[] =
#include "worker/sql/submitted.sql.h"
	;
static const char publishing_sql[] =
#include "worker/sql/publishing.sql.h"
	;
static const char published_sql[] =
#include "worker/sql/published.sql.h"
	;
static const char release_sql[] =
#include "worker/sql/release.sql.h"
	;
static const char failed_sql[] =
#include "worker/sql/failed.sql.h"
	;
static const char reject_sql[] =
#include "worker/sql/reject.sql.h"
	;
static const char outcome_sql[] =
#include "worker/sql/outcome.sql.h"
	;
static const char twins_sql[] =
#include "worker/sql/twins.sql.h"
	;
static const char own_post_sql[] =
#include "worker/sql/own_post.sql.h"
	;
static const char used_posts_sql[] =
#include "worker/sql/used_posts.sql.h"
	;

#define STATEMENT(var)                                                                             \
	static const struct postgres_statement var = {.name = "publisher_" #var, .sql = var##_sql}
STATEMENT(begin);
STATEMENT(adopt);
STATEMENT(submitted);
STATEMENT(publishing);
STATEMENT(published);
STATEMENT(release);
STATEMENT(failed);
STATEMENT(reject);
STATEMENT(outcome);
STATEMENT(twins);
STATEMENT(used_posts);
STATEMENT(own_post);

/* Same key for everybody who changes the schema: CREATE IF NOT EXISTS races with itself otherwise.
 */
static const char lock_schema_sql[] = "SELECT pg_advisory_xact_lock(7382914650);\n";
static const char version_sql[] =
	"SELECT coalesce((SELECT max(version) FROM publisher.schema_version), 0)";
static const char version_table_sql[] =
	"SELECT to_regclass('publisher.schema_version') IS NOT NULL";

#define JOURNAL_VERSION 1

static const char *
text_bool(bool value)
{
	return value ? "true" : "false";
}

/* ---- the schema ---- */

const char *
journal_sql(void)
{
	return journal_1_sql;
}

/* One value of a query without parameters; NULL with *why. free(). */
static char *
ask(struct postgres *postgres, const char *sql, struct failure *why)
{
	PGresult *result = POSTGRES_RESULT(postgres_run_text(postgres, sql, why));
	char *value = NULL;

	if (result == NULL)
		return NULL;
	if (PQntuples(result) == 1)
		value = strdup(PQgetvalue(result, 0, 0));
	if (value == NULL)
		failure_set(why, FAILURE_AWAY, "PostgreSQL: no answer about the journal's schema");
	PQclear(result);
	return value;
}

static bool
schema_version(struct postgres *postgres, int *version, struct failure *why)
{
	char *there = ask(postgres, version_table_sql, why);
	bool is_there = there != NULL && there[0] == 't';
	char *value = is_there ? ask(postgres, version_sql, why) : NULL;
	bool done = there != NULL && (!is_there || value != NULL);

	if (done)
		*version = value != NULL ? (int)strtol(value, NULL, 10) : 0;
	free(there);
	free(value);
	return done;
}

bool
journal_prepare(struct postgres *postgres, struct failure *why)
{
	char *sql = NULL;
	PGresult *result;
	int version;

	if (!schema_version(postgres, &version, why))
		return false;
	/* A newer program's schema stays readable for this one: columns are only ever added. */
	if (version >= JOURNAL_VERSION)
		return true;
	if (asprintf(&sql, "%s%s", lock_schema_sql, journal_1_sql) < 0)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	result = POSTGRES_RESULT(postgres_run_text(postgres, sql, why));
	free(sql);
	if (result != NULL) {
		PQclear(result);
		return true;
	}
	if (strcmp(postgres_sqlstate(postgres), "42501") == 0)
		return failure_set(
			why, FAILURE_OPERATOR,
			"this database user may not create the schema \"publisher\"; let somebody "
			"who may run the SQL printed here once");
	return false;
}

/* ---- locks ---- */

char *
journal_lock(int64_t claimed_ms, const char *token, const char *job_id)
{
	char *lock;

	if (asprintf(&lock, JOURNAL_LOCK_PREFIX "%015lld|%s|%s", (long long)claimed_ms, token,
		     job_id) < 0)
		return NULL;
	return lock;
}

char *
journal_job_name(const char *job_id, int64_t added_ms, int attempts_made)
{
	char *name;

	if (asprintf(&name, "%s|%lld|%d", job_id, (long long)added_ms, attempts_made) < 0)
		return NULL;
	return name;
}

bool
journal_lock_is_of(const char *lock, const char *job_id)
{
	size_t size = strlen(lock), id_size = strlen(job_id);

	return strncmp(lock, JOURNAL_LOCK_PREFIX, strlen(JOURNAL_LOCK_PREFIX)) == 0 &&
	       size > id_size && lock[size - id_size - 1] == '|' &&
	       strcmp(lock + size - id_size, job_id) == 0;
}

/* ---- steps ---- */

/* Runs a statement whose first column says whether the fence held, the second (if any) whether the
 * file was as expected. */
static bool
run_fenced(struct postgres *postgres, const struct postgres_statement *statement, int count,
	   const char *const *values, struct failure *why)
{
	PGresult *result = POSTGRES_RESULT(postgres_run(postgres, statement, count, values, why));
	bool fence, item;

	if (result == NULL)
		return false;
	fence = PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "0") != 0;
	item = PQnfields(result) < 2 || (fence && strcmp(PQgetvalue(result, 0, 1), "0") != 0);
	PQclear(result);
	if (!fence)
		return failure_set(why, FAILURE_LOST,
				   "the execution lock of the row is not ours any more");
	if (!item)
		return failure_set(why, FAILURE_LOST,
				   "the journal's file is not in the state it was read in");
	return true;
}

bool
journal_begin(struct postgres *postgres, const char *deviation_id, const char *user_id,
	      const char *lock, const char *job_id, const char *job_name, int stalls,
	      struct deviation **out, struct failure *why)
{
	char stalls_text[16];
	const char *const values[] = {deviation_id, user_id, lock, job_id, job_name, stalls_text};
	struct pg_result *result;
	bool done = true;

	snprintf(stalls_text, sizeof(stalls_text), "%d", stalls);
	result = postgres_run(postgres, &begin, 6, values, why);

	if (result == NULL)
		return false;
	if (PQntuples(POSTGRES_RESULT(result)) == 0)
		*out = NULL;
	else
		done = deviation_read(deviation_id, result, out, why);
	PQclear(POSTGRES_RESULT(result));
	return done;
}

bool
journal_adopt(struct postgres *postgres, struct deviation *deviation, const char *lock,
	      struct failure *why)
{
	struct deviation_file *file = &deviation->files[0];
	char ago[24];
	const char *const values[] = {deviation->id, lock, file->id, deviation->stash_item_id, ago};
	PGresult *result;

	snprintf(ago, sizeof(ago), "%lld",
		 (long long)(deviation->untouched_ms > 0 ? deviation->untouched_ms : 0));
	result = POSTGRES_RESULT(postgres_run(postgres, &adopt, 5, values, why));
	if (result == NULL)
		return false;
	PQclear(result);
	snprintf(file->item, sizeof(file->item), "%s", deviation->stash_item_id);
	file->state = FILE_PUBLISHING;
	file->publish_last_ago_ms = deviation->untouched_ms;
	file->publish_first_at_s = 0;
	file->asks = 1;
	return true;
}

bool
journal_submitted(struct postgres *postgres, const struct deviation *deviation, const char *lock,
		  struct deviation_file *file, struct failure *why)
{
	char detail[64];
	const char *const values[] = {deviation->id, lock,
				      file->id,      file->item,
				      file->digest,  text_bool(file == deviation->files),
				      detail,        deviation->title};

	snprintf(detail, sizeof(detail), "item %s, %lld bytes", file->item,
		 (long long)file->size_bytes);
	if (!run_fenced(postgres, &submitted, 8, values, why))
		return false;
	file->state = FILE_SUBMITTED;
	return true;
}

bool
journal_publishing(struct postgres *postgres, const struct deviation *deviation, const char *lock,
		   struct deviation_file *file, bool repeated, struct failure *why)
{
	const char *const values[] = {deviation->id,
				      lock,
				      file->id,
				      file->item,
				      file->state == FILE_PUBLISHING ? "publishing" : "submitted",
				      repeated ? "0" : "1"};

	if (!run_fenced(postgres, &publishing, 6, values, why))
		return false;
	file->state = FILE_PUBLISHING;
	file->publish_last_ago_ms = 0;
	file->asks += repeated ? 0 : 1;
	return true;
}

bool
journal_published(struct postgres *postgres, const struct deviation *deviation, const char *lock,
		  const struct deviation_file *file, bool last, bool with_sale, const char *step,
		  const char *detail, struct failure *why)
{
	const struct deviation_file *first =
		deviation->file_count > 0 ? &deviation->files[0] : NULL;
	bool whole = last && !deviation->stash_only;
	const char *const values[] = {
		deviation->id,
		lock,
		file != NULL ? file->id : "",
		file != NULL ? file->deviation_id : NULL,
		file != NULL ? file->url : NULL,
		whole && first != NULL ? first->deviation_id : NULL,
		whole && first != NULL ? first->url : NULL,
		text_bool(last),
		first != NULL && first->item[0] != '\0' ? first->item : NULL,
		step,
		detail,
		text_bool(with_sale),
	};

	return run_fenced(postgres, &published, 12, values, why);
}

bool
journal_release(struct postgres *postgres, const char *deviation_id, const char *lock,
		const struct journal_release *r, struct failure *why)
{
	const char *const values[] = {deviation_id,
				      lock,
				      r->message,
				      r->count_as,
				      text_bool(r->attempt_failed),
				      text_bool(r->refusal),
				      r->refused_file,

				      r->step,
				      r->detail};

	return run_fenced(postgres, &release, 9, values, why);
}

bool
journal_failed(struct postgres *postgres, const char *deviation_id, const char *lock,
	       const char *message, const char *forget_file, const char *refused_file,
	       const char *job_name, struct failure *why)
{
	const char *const values[] = {deviation_id, lock,         message,
				      forget_file,  refused_file, job_name};

	return run_fenced(postgres, &failed, 6, values, why);
}

bool
journal_reject(struct postgres *postgres, const char *deviation_id, const char *user_id,
	       const char *message, const char *job_id, bool *rejected, struct failure *why)
{
	const char *const values[] = {deviation_id, user_id, message, job_id};
	PGresult *result = POSTGRES_RESULT(postgres_run(postgres, &reject, 4, values, why));

	if (result == NULL)
		return false;
	*rejected = strcmp(PQgetvalue(result, 0, 0), "0") != 0;
	PQclear(result);
	return true;
}

bool
journal_outcome(struct postgres *postgres, const char *deviation_id, const char *lock,
		const struct deviation_file *file, const struct journal_outcome *o,
		struct failure *why)
{
	const char *const values[] = {deviation_id,
				      lock,
				      file->id,
				      text_bool(o->is_public),
				      text_bool(o->item_gone),
				      text_bool(o->looked),
				      o->step,
				      o->detail};

	return run_fenced(postgres, &outcome, 8, values, why);
}

bool
journal_twins(struct postgres *postgres, const struct deviation *deviation,
	      const struct deviation_file *file,
	      void (*tell)(void *arg, const char *title, int64_t size_bytes, bool looked),
	      void *arg, struct failure *why)
{
	const char *const values[] = {deviation->user_id, deviation->id, file->id};
	PGresult *result = POSTGRES_RESULT(postgres_run(postgres, &twins, 3, values, why));

	if (result == NULL)
		return false;
	for (int row = 0; row < PQntuples(result); row++)
		tell(arg, PQgetvalue(result, row, 0), strtoll(PQgetvalue(result, row, 1), NULL, 10),
		     strcmp(PQgetvalue(result, row, 2), "1") == 0);
	PQclear(result);
	return true;
}

bool
journal_used_posts(struct postgres *postgres, const char *deviation_id, const char *file_id,
		   const char *const *ids, size_t count, bool *used, struct failure *why)
{
	cJSON *array = cJSON_CreateStringArray(ids, (int)count);
	char *json = array == NULL ? NULL : cJSON_PrintUnformatted(array);
	const char *const values[] = {json, deviation_id, file_id};
	PGresult *result = NULL;

	if (json == NULL)
		failure_set(why, FAILURE_AWAY, "out of memory");
	else
		result = POSTGRES_RESULT(postgres_run(postgres, &used_posts, 3, values, why));
	for (size_t i = 0; result != NULL && i < count; i++) {
		used[i] = false;
		for (int row = 0; row < PQntuples(result); row++) {
			if (!PQgetisnull(result, row, 0) &&
			    strcmp(PQgetvalue(result, row, 0), ids[i]) == 0)
				used[i] = true;
		}
	}
	cJSON_Delete(array);
	cJSON_free(json);
	PQclear(result);
	return result != NULL;
}

bool
journal_own_post(struct postgres *postgres, const struct deviation *deviation,
		 const struct deviation_file *file, char *id, size_t id_size, struct failure *why)
{
	const char *const values[] = {deviation->user_id, deviation->id, file->id};
	PGresult *result = POSTGRES_RESULT(postgres_run(postgres, &own_post, 3, values, why));
	int length;

	if (result == NULL)
		return false;
	length =
		snprintf(id, id_size, "%s", PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "");
	if (length < 0 || (size_t)length >= id_size)
		id[0] = '\0';
	PQclear(result);
	return true;
}

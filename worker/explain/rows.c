/*
 * rows.c - row and journal of one deviation, from one moment of the database.   [explain command]
 */
#include "worker/explain/rows.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "worker/explain/reading.h"

#define CONNECT_MS   5000
#define STATEMENT_MS 10000
#define STEPS_MOST   "400"

static const char explain_row_sql[] =
#include "worker/sql/explain_row.sql.h"
	;
static const char explain_url_sql[] =
#include "worker/sql/explain_url.sql.h"
	;
static const char explain_file_url_sql[] =
#include "worker/sql/explain_file_url.sql.h"
	;
static const char explain_any_url_sql[] =
#include "worker/sql/explain_any_url.sql.h"
	;
static const char explain_any_file_url_sql[] =
#include "worker/sql/explain_any_file_url.sql.h"
	;
static const char explain_files_sql[] =
#include "worker/sql/explain_files.sql.h"
	;
static const char explain_trail_sql[] =
#include "worker/sql/explain_trail.sql.h"
	;

#define STATEMENT(var)                                                                             \
	static const struct postgres_statement var = {.name = "publisher_" #var, .sql = var##_sql}
STATEMENT(explain_row);
STATEMENT(explain_url);
STATEMENT(explain_file_url);
STATEMENT(explain_any_url);
STATEMENT(explain_any_file_url);
STATEMENT(explain_files);
STATEMENT(explain_trail);

/* One moment for all statements; and nothing could be changed by them if they wanted to. */
static const char begin_sql[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
				"SET LOCAL statement_timeout = '10s'";

/* ---- values ---- */

static int64_t
number(const PGresult *result, int row, int column)
{
	if (PQgetisnull(result, row, column))
		return FACTS_NONE;
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static bool
flag(const PGresult *result, int row, int column)
{
	return PQgetvalue(result, row, column)[0] == 't';
}

/* What others wrote may be shown once it was looked through. */
static const char *
text(const struct reading *reading, const PGresult *result, int row, int column)
{
	char *value = PQgetvalue(result, row, column);

	reading_mask(reading, value);
	return value;
}

static void
take_row(struct reading *reading)
{
	const PGresult *row = POSTGRES_RESULT(reading->row);
	struct facts *f = &reading->facts;

	f->id = PQgetvalue(row, 0, ROW_ID);
	f->user_id = PQgetvalue(row, 0, ROW_USER);
	f->artist = PQgetvalue(row, 0, ROW_ARTIST);
	f->title = text(reading, row, 0, ROW_TITLE);
	f->status = PQgetvalue(row, 0, ROW_STATUS);
	f->error_message = text(reading, row, 0, ROW_ERROR);
	f->lock = PQgetvalue(row, 0, ROW_LOCK);
	f->url = text(reading, row, 0, ROW_URL);
	f->stash_only = flag(row, 0, ROW_STASH_ONLY);
	f->multiple = flag(row, 0, ROW_MULTIPLE);
	f->due_ms = number(row, 0, ROW_DUE);
	f->published_ms = number(row, 0, ROW_PUBLISHED);
	f->updated_ms = number(row, 0, ROW_UPDATED);
	f->locked_ms = number(row, 0, ROW_LOCKED);
	f->file_count = number(row, 0, ROW_FILES);
	f->now_ms = number(row, 0, ROW_NOW);
	f->has_journal = flag(row, 0, ROW_HAS_JOURNAL);
	f->files = NULL;
	f->steps = NULL;
	f->files_count = f->steps_count = 0;
	f->crashes = 0;
	f->first_refused_ms = FACTS_NONE;
}

static bool
take_files(struct reading *reading, struct failure *why)
{
	enum { ID, NAME, STATE, URL, PUBLISH_LAST, PUBLIC_SINCE, ASKS, LOOKS, GONE };
	const PGresult *files = POSTGRES_RESULT(reading->files);
	int count = PQntuples(files);
	struct facts_file *list = calloc((size_t)count + 1, sizeof(*list));

	if (list == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	for (int i = 0; i < count; i++)
		list[i] = (struct facts_file){
			.id = PQgetvalue(files, i, ID),
			.name = text(reading, files, i, NAME),
			.state = PQgetvalue(files, i, STATE),
			.url = text(reading, files, i, URL),
			.publish_last_ms = number(files, i, PUBLISH_LAST),
			.public_since_ms = number(files, i, PUBLIC_SINCE),
			.asks = number(files, i, ASKS),
			.looks = number(files, i, LOOKS),
			.item_gone = flag(files, i, GONE),
		};
	reading->facts.files = reading->file_list = list;
	reading->facts.files_count = (size_t)count;
	return true;
}

static bool
take_trail(struct reading *reading, struct failure *why)
{
	enum { CRASHES, FIRST_REFUSED, AT, STEP, DETAIL };
	const PGresult *trail = POSTGRES_RESULT(reading->trail);
	int count = PQgetisnull(trail, 0, STEP) ? 0 : PQntuples(trail);
	struct facts_step *list = calloc((size_t)count + 1, sizeof(*list));

	if (list == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	for (int i = 0; i < count; i++)
		list[i] = (struct facts_step){
			.at_ms = number(trail, i, AT),
			.step = text(reading, trail, i, STEP),
			.detail = text(reading, trail, i, DETAIL),
		};
	reading->facts.steps = reading->step_list = list;
	reading->facts.steps_count = (size_t)count;
	reading->facts.crashes = number(trail, 0, CRASHES);
	reading->facts.first_refused_ms = number(trail, 0, FIRST_REFUSED);
	return true;
}

/* ---- statements ---- */

static bool
run_row(struct reading *reading, const char *id, const char *other, struct failure *why)
{
	const char *const values[] = {id, other};

	reading->row = postgres_run(reading->postgres, &explain_row, 2, values, why);
	return reading->row != NULL;
}

static bool
row_is_there(const struct reading *reading)
{
	return !PQgetisnull(POSTGRES_RESULT(reading->row), 0, ROW_ID);
}

/* By a statement that looks for a link; artist NULL: it does not ask for one. */
static bool
follow(struct reading *reading, const struct postgres_statement *statement, const char *end,
       const char *artist, struct failure *why)
{
	const char *const values[] = {end, artist};
	PGresult *hit = POSTGRES_RESULT(
		postgres_run(reading->postgres, statement, artist != NULL ? 2 : 1, values, why));
	bool done = hit != NULL;

	if (done && PQntuples(hit) == 1) {
		reading_forget_rows(reading);
		done = run_row(reading, PQgetvalue(hit, 0, 0), NULL, why);
	}
	PQclear(hit);
	return done;
}

/* The row has the first file's link, the journal all of them. */
static bool
follow_link(struct reading *reading, const char *end, const char *artist, struct failure *why)
{
	bool journal = flag(POSTGRES_RESULT(reading->row), 0, ROW_HAS_JOURNAL);

	if (!follow(reading, artist != NULL ? &explain_url : &explain_any_url, end, artist, why))
		return false;
	return row_is_there(reading) || !journal ||
	       follow(reading, artist != NULL ? &explain_file_url : &explain_any_file_url, end,
		      artist, why);
}

/* A link names its artist as he was called then: his posts are few, and are searched first. */
static bool
find_row(struct reading *reading, const struct ident *ident, struct failure *why)
{
	const char *other = ident->is_url || ident->other[0] == '\0' ? NULL : ident->other;

	if (!run_row(reading, ident->text, other, why))
		return false;
	if (ident->is_url && ident->other[0] != '\0' &&
	    !follow_link(reading, ident->text, ident->other, why))
		return false;
	return !ident->is_url || row_is_there(reading) ||
	       follow_link(reading, ident->text, NULL, why);
}

static bool
read_journal(struct reading *reading, struct failure *why)
{
	const char *const values[] = {reading->facts.id, STEPS_MOST};

	reading->files = postgres_run(reading->postgres, &explain_files, 1, values, why);
	if (reading->files == NULL || !take_files(reading, why))
		return false;
	reading->trail = postgres_run(reading->postgres, &explain_trail, 2, values, why);
	return reading->trail != NULL && take_trail(reading, why);
}

static bool
begin(struct reading *reading, struct failure *why)
{
	struct pg_result *result;

	postgres_set_timeout(reading->postgres, STATEMENT_MS);
	if (!postgres_connect(reading->postgres, CONNECT_MS, why))
		return false;
	result = postgres_run_text(reading->postgres, begin_sql, why);
	PQclear(POSTGRES_RESULT(result));
	return result != NULL;
}

bool
reading_rows(struct reading *reading, const struct ident *ident, bool *found, struct failure *why)
{
	bool done;

	reading_forget_rows(reading);
	*found = false;
	done = begin(reading, why) && find_row(reading, ident, why);
	if (done && row_is_there(reading)) {
		*found = true;
		take_row(reading);
		done = !reading->facts.has_journal || read_journal(reading, why);
	}
	/* No transaction stays open, and nobody waits for its end. */
	postgres_close(reading->postgres);
	return done;
}

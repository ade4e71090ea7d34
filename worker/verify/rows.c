/*
 * rows.c - the API server's rows, beside the journal and the jobs.     [verify command]
 */
#include "worker/verify/audit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/producer.h"
#include "worker/verify/places.h"
#include "worker/verify/row.h"
#include "worker/verify/secrets.h"
#include "worker/verify/view.h"

#define ID_SIZE    300
#define SOON_MS    2000
#define TAG_LISTED 'l' /* as in jobs.c */

static const char verify_rows_sql[] =
#include "worker/sql/verify_rows.sql.h"
	;
static const struct postgres_statement verify_rows = {.name = "publisher_verify_rows",
						      .sql = verify_rows_sql};

enum column {
	COLUMN_ID,
	COLUMN_STATUS,
	COLUMN_USER,
	COLUMN_STASH_ONLY,
	COLUMN_POST,
	COLUMN_URL,
	COLUMN_ERROR,
	COLUMN_LOCK,
	COLUMN_VERSION,
	COLUMN_COUNTED,
	COLUMN_OVERDUE,
	COLUMN_UNTOUCHED,
	COLUMN_LOCKED_FOR,
	COLUMN_LATE,
	COLUMN_DUE,
	COLUMN_UPDATED,
	COLUMN_PUBLISHED,
	COLUMN_PUBLISHING,
	COLUMN_WITHOUT_LINK,
	COLUMN_SPARE,
	COLUMN_JOURNAL_POST,
	COLUMN_KNOWN_POSTS,
	COLUMN_SALES,
	COLUMN_WORKED,
	COLUMN_ATTEMPTS,
	COLUMN_EARLY,
	COLUMN_TEXTS,
	COLUMN_WANTED,
	COLUMN_PUBLISHED_AGO
};

struct rows {
	struct audit *audit;
	struct view_queue queue;
	const PGresult *result;
	bool exact; /* every job is looked at in one moment */
};

static int64_t
number(const PGresult *result, int at, enum column column)
{
	if (PQgetisnull(result, at, (int)column))
		return ROW_NONE;
	return strtoll(PQgetvalue(result, at, (int)column), NULL, 10);
}

static bool
flag(const PGresult *result, int at, enum column column)
{
	return PQgetvalue(result, at, (int)column)[0] == 't';
}

static struct row
row_of(const PGresult *r, int at)
{
	return (struct row){
		.id = PQgetvalue(r, at, COLUMN_ID),
		.status = PQgetvalue(r, at, COLUMN_STATUS),
		.user_id = PQgetvalue(r, at, COLUMN_USER),
		.stash_only = flag(r, at, COLUMN_STASH_ONLY),
		.has_post = !PQgetisnull(r, at, COLUMN_POST),
		.has_url = !PQgetisnull(r, at, COLUMN_URL),
		.error_message = PQgetvalue(r, at, COLUMN_ERROR),
		.lock = PQgetvalue(r, at, COLUMN_LOCK),
		.version = number(r, at, COLUMN_VERSION),
		.counted = flag(r, at, COLUMN_COUNTED),
		.overdue_ms = number(r, at, COLUMN_OVERDUE),
		.untouched_ms = number(r, at, COLUMN_UNTOUCHED),
		.locked_for_ms = number(r, at, COLUMN_LOCKED_FOR),
		.late_ms = number(r, at, COLUMN_LATE),
		.due_ms = number(r, at, COLUMN_DUE),
		.updated_at = PQgetvalue(r, at, COLUMN_UPDATED),
		.published = number(r, at, COLUMN_PUBLISHED),
		.publishing = number(r, at, COLUMN_PUBLISHING),
		.without_link = number(r, at, COLUMN_WITHOUT_LINK),
		.spare = number(r, at, COLUMN_SPARE),
		.post_in_journal = !PQgetisnull(r, at, COLUMN_JOURNAL_POST),
		.known_posts = number(r, at, COLUMN_KNOWN_POSTS),
		.sales = number(r, at, COLUMN_SALES),
		.worked = flag(r, at, COLUMN_WORKED),
		.attempts = number(r, at, COLUMN_ATTEMPTS),
		.asked_early = flag(r, at, COLUMN_EARLY),
		.wanted = number(r, at, COLUMN_WANTED),
		.published_ago_ms = number(r, at, COLUMN_PUBLISHED_AGO),
	};
}

/* ---- figures ---- */

static void
take_figures(struct audit *audit, const struct row *row)
{
	static const char *const statuses[] = {"review",     "draft",     "scheduled", "uploading",
					       "publishing", "published", "failed"};
	int64_t *figures = audit->figures;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		figures[FIGURE_ROWS_REVIEW + (int)i] += strcmp(row->status, statuses[i]) == 0;
	figures[FIGURE_UNKNOWN_OUTCOMES] += row->publishing;
	figures[FIGURE_SPARE_UPLOADS] += row->spare;
	if (row->late_ms != ROW_NONE && row->published > 0 &&
	    row->late_ms > figures[FIGURE_LATEST_MS])
		figures[FIGURE_LATEST_MS] = row->late_ms;
	if (row->overdue_ms == ROW_NONE || row->overdue_ms <= 0 ||
	    (strcmp(row->status, "scheduled") != 0 && strcmp(row->status, "uploading") != 0 &&
	     strcmp(row->status, "publishing") != 0))
		return;
	figures[FIGURE_OVERDUE]++;
	if (row->overdue_ms > figures[FIGURE_LONGEST_OVERDUE_MS])
		figures[FIGURE_LONGEST_OVERDUE_MS] = row->overdue_ms;
}

/* ---- judging ---- */

static int64_t
settle_ms(const struct audit *audit, int settle)
{
	if (settle == ROW_SWEEP)
		return audit_sweep_ms(audit);
	return settle == ROW_SOON ? SOON_MS : AUDIT_SETTLE_MS;
}

static void
tell(struct rows *rows, const struct row *row, const struct view *job)
{
	struct row_finding found[ROW_FINDINGS];
	size_t count = row_judge(row, job, clock_wall_ms(), found);
	char evidence[600], state[200] = "";

	snprintf(evidence, sizeof(evidence), "%s %s %.100s %lld %s %.20s %.20s", row->status,
		 row->updated_at, row->lock, (long long)row->version,
		 job != NULL ? view_state(job, state, sizeof(state)) : "",
		 job != NULL ? job->started : "", job != NULL ? job->attempts : "");
	for (size_t i = 0; i < count; i++)
		audit_suspect(rows->audit, EXAMINER_ROWS, found[i].check, row->id,
			      settle_ms(rows->audit, found[i].settle), evidence, "%s",
			      found[i].text);
}

static void
search_for_secrets(struct rows *rows, int at, const char *id)
{
	const char *in_row =
		secrets_find(rows->audit->secrets, PQgetvalue(rows->result, at, COLUMN_ERROR));
	const char *in_journal =
		secrets_find(rows->audit->secrets, PQgetvalue(rows->result, at, COLUMN_TEXTS));

	if (in_row != NULL)
		audit_suspect(rows->audit, EXAMINER_ROWS, CHECK_SECRET_IN_ROW, id, AUDIT_SETTLE_MS,
			      "", "its error_message holds %s", in_row);
	if (in_journal != NULL)
		audit_suspect(rows->audit, EXAMINER_ROWS, CHECK_SECRET_IN_JOURNAL, id,
			      AUDIT_SETTLE_MS, "", "publisher.files: its title or URL holds %s",
			      in_journal);
}

/* With a job that was read without its lists: is it good enough to judge by? */
static bool
needs_close_look(struct rows *rows, const struct row *row, struct view *job)
{
	struct row_finding found[ROW_FINDINGS];

	job->in_list[VIEW_WAIT] = places_have(rows->audit->places, TAG_LISTED, job->id);
	return row_judge(row, job, clock_wall_ms(), found) > 0;
}

static bool
judge_jobs(struct rows *rows, const int *at, const char *const *ids, size_t count, bool exact,
	   struct failure *why)
{
	struct views views;
	bool done = views_read(rows->audit, &rows->queue, ids, count, exact, &views, why);

	for (size_t i = 0; done && i < views.count; i++) {
		struct row row = row_of(rows->result, at[i]);

		if (!exact && needs_close_look(rows, &row, &views.list[i]))
			done = judge_jobs(rows, &at[i], &ids[i], 1, true, why);
		else
			tell(rows, &row, &views.list[i]);
	}
	views_free(&views);
	return done;
}

static bool
judge_page(void *arg, struct pg_result *page, struct failure *why)
{
	struct rows *rows = arg;
	char ids[VIEW_MOST][ID_SIZE];
	const char *pointers[VIEW_MOST];
	int at[VIEW_MOST] = {0};
	const bool exact = rows->exact;
	size_t count = 0, most = exact ? VIEW_MOST_EXACT : VIEW_MOST;
	int total;

	rows->result = POSTGRES_RESULT(page);
	total = PQntuples(rows->result);

	for (int i = 0; i < total; i++) {
		struct row row = row_of(rows->result, i);

		search_for_secrets(rows, i, row.id);
		if (rows->audit->first)
			take_figures(rows->audit, &row);
		if (!row_wants_job(&row) || !producer_job_id(row.id, ids[count], ID_SIZE)) {
			tell(rows, &row, NULL);
			continue;
		}
		pointers[count] = ids[count];
		at[count++] = i;
		if (count == most) {
			if (!judge_jobs(rows, at, pointers, count, exact, why))
				return false;
			count = 0;
		}
	}
	return count == 0 || judge_jobs(rows, at, pointers, count, exact, why);
}

bool
examine_rows(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	struct rows rows = {.audit = audit, .exact = ids != NULL};
	char *only = NULL;
	bool done;

	if (!audit->has_journal)
		return true;
	if (ids != NULL && (only = audit_json(ids, count, why)) == NULL)
		return false;
	if (!view_queue_init(&rows.queue, audit, audit->config->queue_name, why)) {
		free(only);
		return false;
	}
	done = audit_pages(audit, &verify_rows, 3, only, judge_page, &rows, why);
	view_queue_fini(&rows.queue);
	free(only);
	return done;
}

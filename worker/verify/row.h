#ifndef WORKER_VERIFY_ROW_H
#define WORKER_VERIFY_ROW_H
/*
 * row.h - a deviation's row, beside its journal and its job: do they agree?   [verify command]
 *
 * faults.md I1, I2, I4, I6, I7. Pure.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/verify/checks.h"
#include "worker/verify/view.h"

/* What worker/sql/verify_rows.sql says; texts belong to its result. NULL numbers are ROW_NONE. */
#define ROW_NONE INT64_MIN
struct row {
	const char *id, *status, *user_id;
	bool stash_only, has_post, has_url, counted, worked, asked_early, post_in_journal;
	const char *error_message, *lock, *updated_at;
	int64_t version;
	int64_t overdue_ms, untouched_ms, locked_for_ms, late_ms, due_ms, published_ago_ms;
	int64_t published, publishing, without_link, spare; /* files in the journal */
	int64_t known_posts; /* files whose DeviantArt id the journal knows */
	int64_t wanted;      /* files that are to be published */
	int64_t sales, attempts;
};

#define ROW_FINDINGS 8
struct row_finding {
	enum check check;
	enum { ROW_AT_ONCE, ROW_SOON, ROW_SWEEP } settle;
	char text[400];
};

/* Whether a job is needed to judge it. */
bool row_wants_job(const struct row *row);
/* A row that is due, or half done, as the publishers' own sweep sees it (sql/overdue.sql). */
bool row_is_overdue(const struct row *row);

/* `job` NULL: not read. now_ms: Unix time. Gives how many of out[] are filled. */
size_t row_judge(const struct row *row, const struct view *job, int64_t now_ms,
		 struct row_finding out[ROW_FINDINGS]);

#endif

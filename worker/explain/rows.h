#ifndef WORKER_EXPLAIN_ROWS_H
#define WORKER_EXPLAIN_ROWS_H
/*
 * rows.h - the columns of explain_row.sql.                             [explain command]
 */

enum row_column {
	ROW_HAS_JOURNAL,
	ROW_NOW,
	ROW_ID,
	ROW_USER,
	ROW_ARTIST,
	ROW_TITLE,
	ROW_STATUS,
	ROW_ERROR,
	ROW_LOCK,
	ROW_URL,
	ROW_STASH_ONLY,
	ROW_MULTIPLE,
	ROW_DUE,
	ROW_PUBLISHED,
	ROW_UPDATED,
	ROW_LOCKED,
	ROW_FILES,
	ROW_ACCESS_TOKEN,
	ROW_REFRESH_TOKEN
};

#endif

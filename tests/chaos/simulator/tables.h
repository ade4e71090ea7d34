#ifndef TESTS_CHAOS_SIMULATOR_TABLES_H
#define TESTS_CHAOS_SIMULATOR_TABLES_H
/*
 * tables.h - PostgreSQL's rows, and what each statement of worker/sql/ does to them.   [simulator]
 *
 * statements_*.c stand for worker/sql/: each function there is one file here, with the file's
 * conditions in its order. A statement is one transaction; nobody sees half of it. Times are the
 * server's, in ms of wall time; 0 stands for NULL, as "" does for texts.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POSTS_MOST 8
#define FILES_MOST 3
#define USERS_MOST 3
#define TEXT_MOST  512

enum row_status {
	ROW_REVIEW,
	ROW_DRAFT,
	ROW_SCHEDULED,
	ROW_UPLOADING,
	ROW_PUBLISHING,
	ROW_PUBLISHED,
	ROW_FAILED
};
extern const char *const row_status_names[];

extern const char *const item_state_names[];

/* deviation_files and publisher.files, of one file. */
struct file_row {
	char id[32], name[32], key[64], type[32];
	int64_t size_bytes;
	bool has_journal;
	char item[32], digest[80], title[64];
	enum { ITEM_SUBMITTED, ITEM_PUBLISHING, ITEM_PUBLISHED } state;
	int64_t first_ms, last_ms, public_since_ms, submitted_ms;
	int asks, looks, uploads;
	bool item_gone;
	char published_id[64], url[128];
};

/* deviations, and publisher.posts where has_journal. */
struct post_row {
	char id[32], user_id[32], title[64];
	enum row_status status;
	char lock[256];
	int64_t locked_ms, version;
	bool is_due_known;
	int64_t due_ms, updated_ms, published_ms;
	bool is_multiple, is_stash_only;
	char stash_item[32], deviation_id[64], url[128], error[TEXT_MOST];
	int retry_count;
	bool post_counted, wants_sale;
	int sales;
	struct file_row files[FILES_MOST];
	int file_count;

	bool has_journal;
	char open_claim[256], came_as[16], failed_job[128];
	char retries[256]; /* JSON */
	int crashes, stalls;
	int64_t refused_ms;

	/* Not the database's: what the checks remember of it. */
	int burned, failures;    /* attempts that release.sql counted; failed.sql and reject.sql */
	int64_t earliest_due_ms; /* the post may be public from then on */
	int64_t taken_back_ms;   /* its artist did; 0: or scheduled it again since */
	bool may_run_failed;     /* somebody asked for another run of the failed post */
	int publishes_recorded;
};

/* users and publisher.token_leases */
struct user_row {
	char id[32], access[64], refresh[64];
	int64_t expires_ms, refresh_expires_ms;
	bool has_lease, is_refused;
	char holder[128], lease_digest[80];
	int64_t lease_expires_ms, lease_started_ms;
};

struct tables {
	struct post_row posts[POSTS_MOST];
	int post_count;
	struct user_row users[USERS_MOST];
	int user_count;
};
extern struct tables tables;

struct post_row *tables_post(const char *id);
struct user_row *tables_user(const char *id);
int64_t tables_now_ms(void);

/* ---- statements ---- */

#define COLUMNS_MOST 40
#define ROWS_MOST    32

/* Rows of texts; NULL is SQL's NULL. */
struct table {
	int columns, rows;
	char *values[ROWS_MOST][COLUMNS_MOST];
};
void table_free(struct table *table);

/* Runs a statement by its name in the program ("publisher_begin"). *sqlstate: "" or why it failed.
 */
bool tables_run(const char *name, int count, const char *const *values, struct table *out,
		const char **sqlstate);

#endif

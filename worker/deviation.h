#ifndef WORKER_DEVIATION_H
#define WORKER_DEVIATION_H
/*
 * deviation.h - one deviation as a claim finds it: row, user, files, journal.   [worker]
 *
 * Plain data, read by journal_begin() in one statement (sql/begin.sql) and updated in place as the
 * job goes on.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"
#include "worker/deviantart/deviantart.h"

struct pg_result;

enum deviation_status {
	DEVIATION_REVIEW,
	DEVIATION_DRAFT,
	DEVIATION_SCHEDULED,
	DEVIATION_UPLOADING,
	DEVIATION_PUBLISHING,
	DEVIATION_PUBLISHED,
	DEVIATION_FAILED,
	DEVIATION_STATUS_UNKNOWN, /* a value of a newer API server */
};

/* What the journal says of a file. */
enum file_state { FILE_NEW, FILE_SUBMITTED, FILE_PUBLISHING, FILE_PUBLISHED };

struct deviation_file {
	char *id, *name, *key, *type;
	int64_t size_bytes;
	enum file_state state;
	char item[DEVIANTART_ITEM_SIZE]; /* "" while there is none */
	char digest[65];                 /* SHA-256 in hex of what was submitted; "" = unknown */
	char *title;                     /* as it was submitted; NULL = not known */
	int64_t publish_first_at_s; /* Unix time of the first publish that may have got through; 0 =
				       none */
	int64_t publish_last_ago_ms; /* -1 = never */
	int64_t public_for_ms; /* since it was known to be public without a link; -1 = it is not */
	int asks, looks;
	bool item_gone;
	char *deviation_id, *url; /* once published; NULL = none */
};

struct deviation {
	char *id;
	enum deviation_status status;
	char *user_id, *username; /* username NULL: the user is gone */
	bool locked;              /* this claim holds the execution lock */
	int64_t version;          /* execution_version of that lock */
	char *lock_holder;        /* execution_lock_id as found; NULL = none */
	int64_t locked_for_ms, due_in_ms, untouched_ms;
	bool due_known;       /* actual_publish_at is set */
	int64_t read_mono_ms; /* clock_mono_ms() when all this was read: due_in_ms is of then */

	char *title, *description, *category_path, *mature_level;
	char **tags, **gallery_ids; /* NULL-terminated; NULL = none */
	bool is_mature, allow_comments, allow_free_download, is_ai_generated, no_ai, stash_only,
		add_watermark, multiple;
	int display_resolution;
	char *stash_item_id, *deviation_id, *deviation_url; /* NULL = none */
	bool stash_item_settled; /* the journal knows that item, and that it is not being published
				  */

	struct deviation_file *files;
	size_t file_count;

	char *access_token, *refresh_token; /* wiped when freed */
	int64_t token_left_ms, refresh_left_ms;
	bool user_found;

	bool ended;          /* failed by this very job, which only has to be told so */
	char *error_message; /* NULL = none */

	int crashes, outages;
	char *retries_json;     /* failures by category */
	int64_t refused_for_ms; /* -1 = nothing refused */
};

/* One row of sql/begin.sql. False: out of memory (FAILURE_AWAY) or values that cannot be read
 * (VALIDATION_ERROR). */
bool deviation_read(const char *id, struct pg_result *result, struct deviation **out,
		    struct failure *why);
void deviation_free(struct deviation *deviation);

/* Replaces the access and refresh token (copied, the old ones wiped). */
bool deviation_set_tokens(struct deviation *deviation, const char *access_token,
			  const char *refresh_token, int64_t token_left_ms, struct failure *why);

/* How often a category failed so far, by the journal. */
int deviation_retries(const struct deviation *deviation, const char *category);

/* The deviation in DeviantArt's terms; borrows from it. */
struct deviantart_post deviation_post(const struct deviation *deviation);

/* SHA-256, in hex, of everything that stash/submit would be told about this file. */
void deviation_digest(const struct deviation *deviation, const struct deviation_file *file,
		      char out[65]);

#endif

#ifndef WORKER_DEVIANTART_DEVIANTART_H
#define WORKER_DEVIANTART_DEVIANTART_H
/*
 * deviantart.h - the calls of DeviantArt's API that publishing needs.   [worker]
 *
 * Facts: deviantart-api.md (sections 4 rules, 5 submit, 6 publish, 7 limits, 8 errors, 10 reads, 3
 * tokens). Every call is one request; nothing here repeats, waits or decides: what came back
 * becomes a result or a struct failure by worker/classify.h. Access tokens go only into the
 * Authorization header and are never logged.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/failure.h"
#include "worker/http/http.h"
#include "worker/http/storage.h"

struct deviantart;

/* `config` and `http` are borrowed. */
struct deviantart *deviantart_new(const struct config *config, struct http *http,
				  struct storage *storage);
void deviantart_free(struct deviantart *da);

/* What the artist wants, in DeviantArt's terms; texts are borrowed, arrays end with NULL (or are
 * NULL). */
struct deviantart_post {
	const char *title;       /* as stored; cut to 50 characters on the way out */
	const char *description; /* artist_comments; NULL or "" = none */
	char *const *tags;       /* as stored; cleaned on the way out (deviantart_clean_tags) */
	char *const *gallery_ids;
	const char *category_path; /* accepted on the row; categories are gone, sent as catpath only
				      to publish when not empty */
	bool is_mature;
	const char *mature_level; /* "strict", "moderate" or NULL */
	bool allow_comments, allow_free_download, is_ai_generated, no_ai, add_watermark;
	int display_resolution; /* 0..8 */
};

struct deviantart_file {
	const char *storage_key, *mime_type, *original_filename;
	int64_t size_bytes; /* as the row says; the object must have exactly so many bytes */
};

#define DEVIANTART_ITEM_SIZE 24 /* a 64-bit number in decimal, or text of digits */

/*
 * POST stash/submit, multipart, the file streamed from storage through a ring of 64 KB.
 * replace_item: an existing item whose file and texts are replaced (itemid), NULL = a new one.
 * item: the item's id as text of digits. Storage faults: FAILURE_AWAY (5xx, SlowDown, credentials,
 * truncated object), VALIDATION_ERROR (no such object, a size other than the row's). on_progress
 * (may be NULL): bytes sent so far, at most about twice a second.
 */
bool deviantart_submit(struct deviantart *da, const char *access_token,
		       const struct deviantart_post *post, const struct deviantart_file *file,
		       const char *replace_item, const struct watch *watch,
		       void (*on_progress)(void *arg, int64_t sent_bytes), void *progress_arg,
		       char item[DEVIANTART_ITEM_SIZE], struct failure *why);

struct deviantart_published {
	char deviation_id[64]; /* UUID text */
	char url[512];         /* "" when the answer had none */
};

/*
 * POST stash/publish on a fresh connection that is not kept (libcurl might send it twice otherwise;
 * s3-libcurl.md 6). Failures: FAILURE_OUTCOME_UNKNOWN for everything after which the item may be
 * public (no, cut, empty or unreadable answer after sending, 5xx, error_code 6); error_code
 * 9, 7, ... in why->error_code with VALIDATION_ERROR; nothing sent: outage. repair: 0, or
 * what to leave out after error_code 2, 3 (DEVIANTART_REPAIR_CATEGORY) or 5
 * (DEVIANTART_REPAIR_RESOLUTION).
 */
enum { DEVIANTART_REPAIR_CATEGORY = 1, DEVIANTART_REPAIR_RESOLUTION = 2 };
bool deviantart_publish(struct deviantart *da, const char *access_token, const char *item,
			const struct deviantart_post *post, unsigned repair,
			const struct watch *watch, struct deviantart_published *published,
			struct failure *why);

/* One post of the user's own gallery (GET gallery/all, mature_content=true). */
struct deviantart_gallery_post {
	char deviation_id[64], url[512];
	char title[256];             /* entities decoded, trimmed */
	int64_t published_time_s;    /* Unix time; 0 = not told */
	int64_t download_size_bytes; /* -1 = not told */
};
/* posts: room for 24. *has_more: another page exists. newest first as far as known. */
bool deviantart_gallery(struct deviantart *da, const char *access_token, int offset,
			const struct watch *watch, struct deviantart_gallery_post posts[24],
			size_t *count, bool *has_more, struct failure *why);

/* GET deviation/metadata?ext_submission=1 for up to 10 ids. */
struct deviantart_metadata {
	char deviation_id[64];
	char app[128];      /* submitted_with.app; "" = not told */
	char file_size[64]; /* human-readable text as answered; "" = not told */
	char resolution[64];
	int64_t file_size_bytes_low,
		file_size_bytes_high; /* what that text can mean; both 0 = unreadable */
};
bool deviantart_metadata(struct deviantart *da, const char *access_token, const char *const *ids,
			 size_t count, const struct watch *watch, struct deviantart_metadata *out,
			 size_t *found, struct failure *why);

/* ---- tokens ---- */

struct deviantart_tokens {
	char *access_token,
		*refresh_token; /* free with deviantart_tokens_clear(), which wipes them */
	int64_t expires_in_s;
};
/*
 * POST oauth2/token, grant_type=refresh_token, on a fresh connection that is not kept.
 * REFRESH_TOKEN_EXPIRED: a 400 about the refresh token (the caller still has to read the row again
 * before it believes it). FAILURE_OPERATOR: invalid_client. why->outage: nothing was sent (the
 * token is not spent). Other failures: it may be spent.
 */
bool deviantart_refresh(struct deviantart *da, const char *refresh_token, const struct watch *watch,
			struct deviantart_tokens *tokens, struct failure *why);
void deviantart_tokens_clear(struct deviantart_tokens *tokens);

/* ---- texts as DeviantArt wants them (pure; NULL: out of memory) ---- */

/*
 * A title of at most 50 characters (code points; deviantart-api.md 7): broken UTF-8 repaired,
 * controls made spaces, outer blanks trimmed; a cut separates no character from its combining
 * marks. "Untitled" for nothing. *cut (may be NULL): something of it was lost. Cleaning twice
 * changes nothing. Result: free().
 */
char *deviantart_clean_title(const char *title, bool *cut);

/*
 * Tags of ASCII letters, digits and underscores: blanks become an underscore, the rest is dropped;
 * so are tags of which no letter or digit is left, and repeated ones (in whatever case); at
 * most 30. tags may be NULL. NULL-terminated; free with deviantart_free_tags().
 */
char **deviantart_clean_tags(char *const *tags);
void deviantart_free_tags(char **tags);

/*
 * A title for comparing: HTML's character references decoded, runs of blanks made one space,
 * trimmed. Apply it to both sides. Result: free().
 */
char *deviantart_plain_title(const char *title);

#endif

#ifndef WORKER_DEVIANTART_DEVIANTART_INTERNAL_H
#define WORKER_DEVIANTART_DEVIANTART_INTERNAL_H
/*
 * deviantart_internal.h - what the files deviantart*.c share.          [worker]
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"
#include "worker/deviantart/classify.h"
#include "worker/deviantart/deviantart.h"
#include "worker/http/http_internal.h"

#define DEVIANTART_CONNECT_MS 15000
#define DEVIANTART_READ_MS    30000
#define DEVIANTART_TOKEN_MS   30000
#define DEVIANTART_PUBLISH_MS 120000

struct form;
struct cJSON;

struct deviantart {
	const struct config *config;
	struct http *http;
	struct storage *storage;
};

/*
 * Opens an exchange with `path` (query included) under the base URL and the headers that every call
 * needs (deviantart-api.md 4). access_token NULL: none. A token that cannot stand in a header is
 * TOKEN_EXPIRED, so that it is replaced.
 */
bool deviantart_open(const struct deviantart *da, struct http_exchange *x, const char *path,
		     const char *access_token, struct failure *why);

/* Makes it a POST of the form, which must live as long as the exchange. */
bool deviantart_set_form(struct http_exchange *x, const struct form *form, struct failure *why);

/* A GET, from opening to a classified success; *json: free with answer_json_free(). *what is put
 * before failures' messages. */
bool deviantart_read(const struct deviantart *da, const char *what, const char *path,
		     const char *access_token, const struct watch *watch, struct cJSON **json,
		     struct failure *why);

/*
 * An answer that says success but lacks what success must have: NETWORK_ERROR, for stash/publish
 * OUTCOME_UNKNOWN. Returns false.
 */
bool deviantart_unusable(const struct http_exchange *x, enum endpoint endpoint, const char *lack,
			 struct failure *why);

/* A deviation id: 8 to 63 letters, digits and dashes (UUIDs, in practice). False: not one. */
bool deviantart_copy_id(char out[64], const char *id);
/* A link people may follow: http or https, no blanks or controls; else "". */
void deviantart_copy_url(char out[512], const char *url);

/* ---- texts ---- */

/*
 * A file name fit for a part header: the last segment of a path, without control bytes, quotes and
 * broken UTF-8, at most 120 bytes with its extension kept; "image" (and the extension of the type)
 * where nothing is left. Result: free(); NULL: out of memory.
 */
char *deviantart_clean_filename(const char *name, const char *mime_type);

/* The row's type where it is token/token (RFC 9110, 8.3.1), else application/octet-stream.
 * Borrowed. */
const char *deviantart_clean_type(const char *mime_type);

/* Text of any length: broken UTF-8 repaired, control characters but tab and newline dropped.
 * Result: free(). */
char *deviantart_clean_description(const char *text);

/*
 * The code point of the HTML entity at text (which begins with '&'), and its length with the ';' in
 * *length; 0: none.
 */
uint32_t deviantart_entity(const char *text, size_t *length);

/* What a file size for people ("2.3 MB", "1,024 bytes") can mean; both 0: unreadable. */
void deviantart_parse_size(const char *text, int64_t *low, int64_t *high);

#endif

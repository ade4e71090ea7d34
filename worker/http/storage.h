#ifndef WORKER_HTTP_STORAGE_H
#define WORKER_HTTP_STORAGE_H
/*
 * storage.h - where the artwork is: S3-compatible storage, read by GET with SigV4.   [worker]
 *
 * s3-libcurl.md 1-4. Keys are percent-encoded per segment; keys with "." or ".." segments, a
 * leading "/", an empty name or more than 1024 bytes are refused before anything is sent.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/failure.h"

struct storage; /* endpoint, region, keys, bucket, style: borrowed from the configuration */
struct http;
struct http_exchange;

/* NULL: out of memory. */
struct storage *storage_new(const struct config *config);
void storage_free(struct storage *storage);

/*
 * The URL of an object, for signing and for tests. Path style (endpoint/bucket/key) where the
 * configuration asks for it, where the endpoint is an IP address, and where a bucket name with dots
 * would break the TLS wildcard; else virtual host. An empty endpoint is AWS in the configured
 * region. false: VALIDATION_ERROR about the key, or AWAY (out of memory). *url: free().
 */
bool storage_url(const struct storage *storage, const char *key, char **url, struct failure *why);

/* Opens *x as a signed GET of an object; not started. Limits of time are the caller's. False: as
 * storage_url(). */
bool storage_open_get(const struct storage *storage, struct http *http, const char *key,
		      struct http_exchange *x, struct failure *why);

/*
 * What an answer that is no 200 means; shown_name is how people know the file. VALIDATION_ERROR
 * where the object is missing (NoSuchKey) or its key impossible, else AWAY: load, or settings,
 * which the message then names. Pure. Returns false.
 */
bool storage_refusal(int http_status, const char *body, size_t body_size, const char *shown_name,
		     struct failure *why);

#endif

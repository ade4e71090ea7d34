/*
 * s3.c - the storage side.                                             [sandbox]
 *
 * A key never leaves its bucket's directory: dot segments, empty segments and symbolic links out of
 * it are refused.
 */
#include "tests/sandbox/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "tests/sandbox/answers.h"
#include "tests/sandbox/call.h"
#include "tests/sandbox/json.h"
#include "tests/sandbox/ledger.h"
#include "tests/sandbox/memory.h"
#include "tests/sandbox/options.h"
#include "tests/sandbox/router.h"
#include "tests/sandbox/s3_answers.h"
#include "tests/sandbox/sandbox.h"
#include "tests/sandbox/sigv4.h"
#include "tests/sandbox/text.h"

#define KEY_MAX_BYTES 1024

static bool
bucket_exists(const struct call *call, const char *bucket)
{
	char *path = memory_format("%s/%s", call->sandbox->options->s3_root, bucket);
	struct stat info;
	bool exists = bucket[0] != '\0' && bucket[0] != '.' && strchr(bucket, '/') == NULL &&
		      stat(path, &info) == 0 && S_ISDIR(info.st_mode);

	free(path);
	return exists;
}

/* The first label of the Host, if there is a bucket of that name; else NULL. Free with free(). */
static char *
bucket_of_host(const struct call *call)
{
	const char *host = http_headers_get(&exchange_request(call->exchange)->headers, "Host");
	const char *dot = host != NULL ? strchr(host, '.') : NULL;
	char *label = dot != NULL ? memory_text_n(host, (size_t)(dot - host)) : NULL;

	if (label != NULL && bucket_exists(call, label))
		return label;
	free(label);
	return NULL;
}

bool
s3_locate(const struct call *call, char **bucket, char **key)
{
	const char *path = call->path + 1;
	size_t length = strcspn(path, "/");

	*bucket = bucket_of_host(call);
	*key = NULL;
	if (*bucket == NULL && length == 0)
		return false;
	if (*bucket == NULL) {
		*bucket = memory_text_n(path, length);
		path += length + (path[length] == '/');
	}
	*key = memory_text(path);
	return true;
}

static bool
is_safe_key(const char *key)
{
	if (key[0] == '\0' || strlen(key) > KEY_MAX_BYTES)
		return false;
	while (*key != '\0') {
		size_t length = strcspn(key, "/");

		if (length == 0 || (length == 1 && key[0] == '.') ||
		    (length == 2 && key[0] == '.' && key[1] == '.'))
			return false;
		key += length;
		if (*key == '/' && *++key == '\0')
			return false; /* a name ending in "/" is no file */
	}
	return true;
}

/* The file, or -1 with errno. Nothing but regular files, and nothing outside of the bucket. */
static int
open_object(const struct call *call, const char *bucket, const char *key, struct stat *info)
{
	char *directory = memory_format("%s/%s", call->sandbox->options->s3_root, bucket);
	char *path = memory_format("%s/%s", directory, key);
	char *inside = realpath(directory, NULL), *real = realpath(path, NULL);
	size_t length = inside != NULL ? strlen(inside) : 0;
	int file = -1;

	if (inside == NULL || real == NULL) {
		errno = ENOENT;
	} else if (strncmp(real, inside, length) != 0 || real[length] != '/') {
		errno = EACCES;
	} else {
		file = open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (file >= 0 && (fstat(file, info) != 0 || !S_ISREG(info->st_mode))) {
			(void)close(file);
			file = -1;
			errno = ENOENT;
		}
	}
	free(directory);
	free(path);
	free(inside);
	free(real);
	return file;
}

/* "bytes=a-b", "bytes=a-", "bytes=-n". False: another form, which is ignored (RFC 9110 14.2). */
static bool
parse_range(const char *header, uint64_t size, uint64_t *first, uint64_t *last, bool *satisfiable)
{
	char *dash, *end = NULL;
	const char *text;
	uint64_t number;

	if (header == NULL || strncasecmp(header, "bytes=", 6) != 0 || strchr(header, ',') != NULL)
		return false;
	text = header + 6;
	dash = strchr(text, '-');
	if (dash == NULL || strspn(text, "0123456789-") != strlen(text) ||
	    strchr(dash + 1, '-') != NULL || strlen(text) < 2)
		return false;
	if (dash == text) {
		number = strtoull(dash + 1, &end, 10);
		*first = number < size ? size - number : 0;
		*last = size - 1;
		*satisfiable = number > 0 && size > 0;
		return true;
	}
	*first = strtoull(text, &end, 10);
	*last = dash[1] != '\0' ? strtoull(dash + 1, &end, 10) : UINT64_MAX;
	if (*last < *first)
		return false;
	if (*last >= size)
		*last = size - 1;
	*satisfiable = *first < size;
	return true;
}

static const char *
type_of(const char *key)
{
	static const char *const types[][2] = {
		{".png", "image/png"},   {".jpg", "image/jpeg"},  {".jpeg", "image/jpeg"},
		{".gif", "image/gif"},   {".webp", "image/webp"}, {".mp4", "video/mp4"},
		{".webm", "video/webm"},
	};
	const char *dot = strrchr(key, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(dot, types[i][0]) == 0)
			return types[i][1];
	return "binary/octet-stream";
}

static void
add_file_headers(struct answer *answer, const char *key, const struct stat *info)
{
	char *tag = memory_format("\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", (uint64_t)info->st_ino,
				  (uint64_t)info->st_size,
				  (uint64_t)info->st_mtim.tv_sec * 1000000000 +
					  (uint64_t)info->st_mtim.tv_nsec);
	struct tm broken_down;
	char modified[64] = "";

	if (gmtime_r(&info->st_mtim.tv_sec, &broken_down) != NULL)
		(void)strftime(modified, sizeof(modified), "%a, %d %b %Y %H:%M:%S GMT",
			       &broken_down);
	http_headers_add(&answer->headers, "Content-Type", type_of(key));
	http_headers_add(&answer->headers, "ETag", tag);
	http_headers_add(&answer->headers, "Last-Modified", modified);
	http_headers_add(&answer->headers, "Accept-Ranges", "bytes");
	free(tag);
}

static void
serve_file(struct call *call, const char *bucket, const char *key, struct answer *answer)
{
	const struct http_request *request = exchange_request(call->exchange);
	uint64_t first = 0, last = 0, size;
	bool satisfiable = true, partial;
	struct stat info;
	int file = open_object(call, bucket, key, &info);
	char *range;

	if (file < 0) {
		s3_answer_error(answer, call, errno == ENOENT ? 404 : 403,
				errno == ENOENT ? "NoSuchKey" : "AccessDenied",
				errno == ENOENT ? "The specified key does not exist."
						: "Access Denied");
		return;
	}
	size = (uint64_t)info.st_size;
	partial = parse_range(http_headers_get(&request->headers, "Range"), size, &first, &last,
			      &satisfiable);
	if (!satisfiable) {
		(void)close(file);
		s3_answer_error(answer, call, 416, "InvalidRange",
				"The requested range is not satisfiable");
		return;
	}
	answer_init(answer, partial ? 206 : 200);
	add_file_headers(answer, key, &info);
	answer->file = file;
	answer->file_offset = first;
	answer->length = answer->send_length = partial ? last - first + 1 : size;
	if (!partial)
		return;
	range = memory_format("bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, last, size);
	http_headers_add(&answer->headers, "Content-Range", range);
	free(range);
}

static void
serve(struct call *call, const char *bucket, const char *key, struct answer *answer)
{
	if (strcmp(call->method, "GET") != 0 && strcmp(call->method, "HEAD") != 0)
		s3_answer_error(answer, call, 405, "MethodNotAllowed",
				"The specified method is not allowed against this resource.");
	else if (bucket == NULL || !bucket_exists(call, bucket))
		s3_answer_error(answer, call, 404, "NoSuchBucket",
				"The specified bucket does not exist");
	else if (key[0] == '\0')
		s3_answer_error(answer, call, 403, "AccessDenied", "Access Denied");
	else if (!is_safe_key(key))
		s3_answer_error(answer, call, 400, "InvalidURI",
				"Couldn't parse the specified URI.");
	else
		serve_file(call, bucket, key, answer);
}

/* A request without a body must be signed as one, or with its hash left open. */
static bool
hash_fits(const struct call *call)
{
	const char *hash = http_headers_get(&exchange_request(call->exchange)->headers,
					    "x-amz-content-sha256");
	char empty[DIGEST_HEX_BYTES];

	digest_of("", 0, empty);
	return call->body.received_bytes > 0 || strcmp(hash, "UNSIGNED-PAYLOAD") == 0 ||
	       strcmp(hash, empty) == 0;
}

static void
record(struct call *call, const char *bucket, const char *key, const struct answer *answer)
{
	struct ledger_keys keys = {.accepted = answer->status < 300};
	const char *range = http_headers_get(&exchange_request(call->exchange)->headers, "Range");
	cJSON *json = cJSON_CreateObject();

	json_add_text(json, "method", call->method);
	json_add_text(json, "bucket", bucket);
	json_add_text(json, "key", key);
	json_add_integer(json, "status", answer->status);
	json_add_integer(json, "bytes",
			 strcmp(call->method, "HEAD") == 0 ? 0 : (int64_t)answer->length);
	json_add_text(json, "range", range);
	ledger_add(call->sandbox->ledger, LEDGER_OBJECT, &keys, json);
}

void
s3_endpoint(struct call *call, struct answer *answer)
{
	const struct options *options = call->sandbox->options;
	struct sigv4_keys keys = {options->s3_access_key, options->s3_secret_key,
				  options->s3_region, "s3"};
	struct sigv4_verdict verdict;
	char *bucket = NULL, *key = NULL;

	(void)s3_locate(call, &bucket, &key);
	sigv4_verify(exchange_request(call->exchange), &keys, text_now_ms() / 1000, &verdict);
	if (verdict.result != SIGV4_GOOD)
		s3_answer_refusal(answer, call, &verdict, options->s3_region);
	else if (!hash_fits(call))
		s3_answer_error(answer, call, 400, "XAmzContentSHA256Mismatch",
				"The provided 'x-amz-content-sha256' header does not match what "
				"was computed.");
	else
		serve(call, bucket, key, answer);
	record(call, bucket, key, answer);
	sigv4_verdict_fini(&verdict);
	free(bucket);
	free(key);
}

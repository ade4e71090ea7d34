#ifndef WORKER_HTTP_UPLOAD_H
#define WORKER_HTTP_UPLOAD_H
/*
 * upload.h - a file on its way from the storage into a request.        [worker]
 *
 * Two transfers in one multi handle and a ring of 64 KB between them: a file of 200 MB needs no
 * more memory than one of 20 KB. The upload is not even opened before the storage has answered 200
 * with exactly the expected length, and the last byte of a file that turns out shorter or longer is
 * never sent: DeviantArt sees the whole file or a broken request, never a truncated picture.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "worker/http/http.h"
#include "worker/http/storage.h"

struct http_exchange;
struct curl_mimepart;

struct upload_file {
	const char *storage_key;
	const char *shown_name; /* for messages */
	int64_t size_bytes;     /* as the row says */
};

struct upload_progress {
	void (*report)(
		void *arg,
		int64_t sent_bytes); /* may be NULL; at most twice a second, and at the end */
	void *arg;
};

/*
 * Runs `target` (opened, not started, its form in target->mime) with the file as the content of
 * `part`. True: the target is done, however it ended (classify_answer() tells); *all_sent: every
 * byte of the file was handed over. False: the storage failed (FAILURE_AWAY, VALIDATION_ERROR) or
 * the watch said no; the target was cut off and has no usable answer. Silence: 30 s of the storage
 * is AWAY; 120 s without taking a byte, or 180 s without an answer to the whole file, ends the
 * target.
 */
bool upload_stream(const struct storage *storage, struct http_exchange *target,
		   struct curl_mimepart *part, const struct upload_file *file,
		   const struct watch *watch, const struct upload_progress *progress,
		   bool *all_sent, struct failure *why);

#endif

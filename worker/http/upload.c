/*
 * upload.c - a file on its way from the storage into a request.        [worker]
 *
 * libcurl calls on_object() with bytes from the storage and on_read() for bytes to send; whoever
 * finds the ring full or empty pauses its transfer, and the loop between two pumps lets it go on.
 * (libcurl forbids resuming one transfer from the callback of another.) No seek callback, on
 * purpose: a needed rewind then fails instead of sending a file twice.
 */
#include "worker/http/upload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/http/http_internal.h"

#define RING_SIZE     (64 * 1024)
#define REFUSAL_LIMIT (64 * 1024) /* of a storage's error text */

#define SOURCE_CONNECT_MS 10000
#define SOURCE_SILENCE_MS 30000
#define TARGET_SILENCE_MS 120000
#define TARGET_ANSWER_MS  180000
#define PROGRESS_MS       500

/* Far above the longest job (PUBLISHER_JOB_TIMEOUT_MS): the watch ends a transfer long before. */
#define WHOLE_LIMIT_MS (30L * 60 * 1000)

struct stream {
	const struct upload_file *file;
	struct http_exchange source;
	struct http_exchange *target;
	curl_mimepart *part;

	int64_t received, delivered; /* bytes of the file: out of the storage, into the request */
	bool is_accepted;            /* the storage answered 200 with the right length */
	bool has_wrong_size;
	int64_t told_size; /* what the storage said; valid with has_wrong_size */

	bool source_paused, target_paused;
	int64_t source_moved_ms, target_moved_ms;
	int64_t reported, reported_ms;

	size_t begin, used; /* of the ring */
	char ring[RING_SIZE];
};

/* ---- the ring ---- */

static void
ring_put(struct stream *stream, const char *data, size_t size)
{
	size_t end = (stream->begin + stream->used) % RING_SIZE;
	size_t first = size < RING_SIZE - end ? size : RING_SIZE - end;

	memcpy(stream->ring + end, data, first);
	memcpy(stream->ring, data + first, size - first);
	stream->used += size;
}

static size_t
ring_take(struct stream *stream, char *out, size_t size)
{
	size_t first;

	if (size > stream->used)
		size = stream->used;
	first = size < RING_SIZE - stream->begin ? size : RING_SIZE - stream->begin;
	memcpy(out, stream->ring + stream->begin, first);
	memcpy(out + first, stream->ring, size - first);
	stream->begin = (stream->begin + size) % RING_SIZE;
	stream->used -= size;
	return size;
}

/* ---- libcurl's callbacks ---- */

/* -1: the storage did not say how long the object is. */
static int64_t
announced_size(const struct stream *stream)
{
	curl_off_t size = -1;

	curl_easy_getinfo(stream->source.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	return size;
}

static bool
accept_object(struct stream *stream)
{
	if (stream->is_accepted)
		return true;
	stream->told_size = announced_size(stream);
	stream->has_wrong_size = stream->told_size != stream->file->size_bytes;
	stream->is_accepted = !stream->has_wrong_size;
	return stream->is_accepted;
}

static size_t
on_object(char *data, size_t one, size_t size, void *arg)
{
	struct stream *stream = arg;

	(void)one;
	if (http_exchange_status(&stream->source) != 200)
		return http_body_append(&stream->source.body, data, size) ? size
									  : CURL_WRITEFUNC_ERROR;
	if (!accept_object(stream))
		return CURL_WRITEFUNC_ERROR;
	if ((int64_t)size > stream->file->size_bytes - stream->received) {
		stream->has_wrong_size = true;
		return CURL_WRITEFUNC_ERROR;
	}
	if (size > RING_SIZE - stream->used) {
		stream->source_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	ring_put(stream, data, size);
	stream->received += (int64_t)size;
	stream->source_moved_ms = clock_mono_ms();
	return size;
}

static size_t
on_read(char *out, size_t one, size_t size, void *arg)
{
	struct stream *stream = arg;
	size_t taken = ring_take(stream, out, one * size);

	if (taken == 0 && stream->delivered < stream->file->size_bytes) {
		stream->target_paused = true;
		return CURL_READFUNC_PAUSE;
	}
	stream->delivered += (int64_t)taken;
	stream->target_moved_ms = clock_mono_ms();
	return taken;
}

/* ---- the storage's side ---- */

static bool
source_start(struct stream *stream, const struct storage *storage, struct failure *why)
{
	struct http_exchange *source = &stream->source;

	if (!storage_open_get(storage, stream->target->http, stream->file->storage_key, source,
			      why))
		return false;
	source->body.limit = REFUSAL_LIMIT;
	http_exchange_set_limits(source, SOURCE_CONNECT_MS, WHOLE_LIMIT_MS);
	curl_easy_setopt(source->easy, CURLOPT_WRITEFUNCTION, on_object);
	curl_easy_setopt(source->easy, CURLOPT_WRITEDATA, stream);
	stream->source_moved_ms = clock_mono_ms();
	return http_exchange_start(source, why);
}

static bool
wrong_size(const struct stream *stream, struct failure *why)
{
	if (stream->told_size < 0)
		return failure_set(why, FAILURE_AWAY, "the storage does not say how long \"%s\" is",
				   stream->file->shown_name);
	return failure_set(why, FAILURE_VALIDATION_ERROR,
			   "the file \"%s\" has %" PRId64
			   " bytes in the storage, but should have %" PRId64,
			   stream->file->shown_name, stream->told_size, stream->file->size_bytes);
}

static bool
cut_short(const struct stream *stream, const char *cause, struct failure *why)
{
	return failure_set(why, FAILURE_AWAY,
			   "the storage sent %" PRId64 " of %" PRId64 " bytes of \"%s\": %s",
			   stream->received, stream->file->size_bytes, stream->file->shown_name,
			   cause);
}

/* True while the storage does well. */
static bool
source_check(struct stream *stream, int64_t now_ms, struct failure *why)
{
	const struct http_exchange *source = &stream->source;
	int status = http_exchange_status(source);
	const char *error =
		source->error[0] != '\0' ? source->error : curl_easy_strerror(source->code);

	if (!source->done) {
		if (stream->source_paused || now_ms - stream->source_moved_ms < SOURCE_SILENCE_MS)
			return true;
		return cut_short(stream, "then nothing for 30 s", why);
	}
	if (stream->received == stream->file->size_bytes)
		return true;
	if (stream->has_wrong_size)
		return wrong_size(stream, why);
	if (status != 0 && status != 200)
		return storage_refusal(status, source->body.data, source->body.size,
				       stream->file->shown_name, why);
	if (source->code == CURLE_OK && !accept_object(stream)) /* an empty object */
		return wrong_size(stream, why);
	if (status == 200)
		return cut_short(stream, error, why);
	return failure_set(why, FAILURE_AWAY, "the storage cannot be reached (S3_ENDPOINT): %s",
			   error);
}

static void
source_resume(struct stream *stream)
{
	if (!stream->source_paused || stream->source.done ||
	    RING_SIZE - stream->used < HTTP_BUFFER_SIZE)
		return;
	stream->source_paused = false;
	stream->source_moved_ms = clock_mono_ms();
	curl_easy_pause(stream->source.easy, CURLPAUSE_CONT);
}

/* ---- DeviantArt's side ---- */

static bool
target_start(struct stream *stream, struct failure *why)
{
	if (curl_mime_data_cb(stream->part, stream->file->size_bytes, on_read, NULL, NULL,
			      stream) != CURLE_OK)
		return http_no_memory(why);
	stream->target_moved_ms = clock_mono_ms();
	return http_exchange_start(stream->target, why);
}

static void
target_resume(struct stream *stream)
{
	bool is_worth_it =
		stream->used >= HTTP_BUFFER_SIZE || stream->received == stream->file->size_bytes;

	if (!stream->target_paused || stream->target->done || !is_worth_it)
		return;
	stream->target_paused = false;
	stream->target_moved_ms = clock_mono_ms();
	curl_easy_pause(stream->target->easy, CURLPAUSE_CONT);
}

static void
target_check(struct stream *stream, int64_t now_ms)
{
	int64_t silent_ms = now_ms - stream->target_moved_ms;
	bool is_whole = stream->delivered == stream->file->size_bytes;

	if (!stream->target->started || stream->target->done || stream->target_paused)
		return;
	http_exchange_cut_if_unheard(stream->target, stream->target_moved_ms);
	if (stream->target->done)
		return;
	if (is_whole && silent_ms >= TARGET_ANSWER_MS)
		http_exchange_cut(stream->target, "no answer within 180 s after the file was sent");
	else if (!is_whole && silent_ms >= TARGET_SILENCE_MS)
		http_exchange_cut(stream->target, "nothing of the file was taken for 120 s");
}

/* ---- the loop ---- */

static void
report(struct stream *stream, const struct upload_progress *progress, int64_t now_ms)
{
	bool is_last = stream->delivered == stream->file->size_bytes;

	if (progress == NULL || progress->report == NULL || stream->delivered == stream->reported ||
	    (!is_last && now_ms - stream->reported_ms < PROGRESS_MS))
		return;
	stream->reported = stream->delivered;
	stream->reported_ms = now_ms;
	progress->report(progress->arg, stream->delivered);
}

static bool
pump_until_done(struct stream *stream, const struct watch *watch,
		const struct upload_progress *progress, struct failure *why)
{
	struct http_exchange *target = stream->target;

	while (!target->done) {
		int64_t now_ms;

		if (!http_pump(target->http, watch, HTTP_LOOK_MS, why))
			return false;
		now_ms = clock_mono_ms();
		if (!target->done && !source_check(stream, now_ms, why)) {
			if (why != NULL)
				why->absent = FAILURE_ABSENT_STORAGE;
			return false;
		}
		if (stream->is_accepted && !target->started && !target_start(stream, why))
			return false;
		source_resume(stream);
		target_resume(stream);
		target_check(stream, now_ms);
		report(stream, progress, now_ms);
	}
	return true;
}

bool
upload_stream(const struct storage *storage, struct http_exchange *target, curl_mimepart *part,
	      const struct upload_file *file, const struct watch *watch,
	      const struct upload_progress *progress, bool *all_sent, struct failure *why)
{
	struct stream *stream;
	bool ok;

	if (file->size_bytes <= 0)
		return failure_set(why, FAILURE_VALIDATION_ERROR, "the file \"%s\" is empty",
				   file->shown_name);
	stream = calloc(1, sizeof(*stream));
	if (stream == NULL)
		return http_no_memory(why);
	stream->file = file;
	stream->target = target;
	stream->part = part;
	ok = source_start(stream, storage, why) && pump_until_done(stream, watch, progress, why);
	if (ok)
		*all_sent = stream->delivered == file->size_bytes;
	else
		http_exchange_cut(target, "given up"); /* its form reads from *stream */
	http_exchange_close(&stream->source);
	free(stream);
	return ok;
}

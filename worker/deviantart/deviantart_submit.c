/*
 * deviantart_submit.c - POST stash/submit: a picture and its texts into the artist's Sta.sh.
 * [worker]
 *
 * May be repeated: a lost answer leaves at most a private item that nobody publishes
 * (deviantart-api.md 9.2). Only fields that are documented for submit are sent (5.1).
 */
#include <stdlib.h>
#include <string.h>

#include "worker/deviantart/answer_json.h"
#include "worker/deviantart/deviantart_internal.h"
#include "worker/http/upload.h"

/* Longer than any job may take: upload.c ends a silent transfer, the watch ends a long one. */
#define WHOLE_LIMIT_MS (30L * 60 * 1000)

static bool
add_field(curl_mime *mime, const char *name, const char *value)
{
	curl_mimepart *part = curl_mime_addpart(mime);

	return part != NULL && curl_mime_name(part, name) == CURLE_OK &&
	       curl_mime_data(part, value, CURL_ZERO_TERMINATED) == CURLE_OK;
}

static bool
add_title(curl_mime *mime, const struct deviantart_post *post)
{
	bool cut;
	char *title = deviantart_clean_title(post->title, &cut);
	bool ok = title != NULL && add_field(mime, "title", title);

	free(title);
	return ok;
}

static bool
add_description(curl_mime *mime, const struct deviantart_post *post)
{
	char *text;
	bool ok;

	if (post->description == NULL || post->description[0] == '\0')
		return true;
	text = deviantart_clean_description(post->description);
	ok = text != NULL && add_field(mime, "artist_comments", text);
	free(text);
	return ok;
}

static bool
add_tags(curl_mime *mime, const struct deviantart_post *post)
{
	char **tags = deviantart_clean_tags(post->tags);
	bool ok = tags != NULL;

	for (size_t i = 0; ok && tags[i] != NULL; i++)
		ok = add_field(mime, "tags[]", tags[i]);
	deviantart_free_tags(tags);
	return ok;
}

static bool
add_texts(curl_mime *mime, const struct deviantart_post *post, const char *replace_item)
{
	return (replace_item == NULL || add_field(mime, "itemid", replace_item)) &&
	       add_title(mime, post) && add_description(mime, post) && add_tags(mime, post) &&
	       add_field(mime, "is_ai_generated", post->is_ai_generated ? "true" : "false") &&
	       add_field(mime, "noai", post->no_ai ? "true" : "false");
}

/* A part without a file name is answered with 500 (deviantart-api.md 5.1). */
static curl_mimepart *
add_file(curl_mime *mime, const char *filename, const char *mime_type)
{
	curl_mimepart *part = curl_mime_addpart(mime);

	if (part == NULL || curl_mime_name(part, "file") != CURLE_OK ||
	    curl_mime_filename(part, filename) != CURLE_OK ||
	    curl_mime_type(part, deviantart_clean_type(mime_type)) != CURLE_OK)
		return NULL;
	return part;
}

static bool
read_item(const struct http_exchange *x, bool all_sent, char item[DEVIANTART_ITEM_SIZE],
	  struct failure *why)
{
	struct answer answer = http_exchange_answer(x, ENDPOINT_SUBMIT);

	if (!classify_answer(&answer, why))
		return false;
	if (!all_sent)
		return deviantart_unusable(x, ENDPOINT_SUBMIT,
					   "came before the whole file was sent", why);
	if (!answer_json_id(x->body.data, x->body.size, "itemid", item, DEVIANTART_ITEM_SIZE))
		return deviantart_unusable(x, ENDPOINT_SUBMIT, "has no itemid", why);
	return true;
}

bool
deviantart_submit(struct deviantart *da, const char *access_token,
		  const struct deviantart_post *post, const struct deviantart_file *file,
		  const char *replace_item, const struct watch *watch,
		  void (*on_progress)(void *arg, int64_t sent_bytes), void *progress_arg,
		  char item[DEVIANTART_ITEM_SIZE], struct failure *why)
{
	struct upload_progress progress = {on_progress, progress_arg};
	struct upload_file upload = {.storage_key = file->storage_key,
				     .size_bytes = file->size_bytes};
	struct http_exchange x = {0};
	curl_mimepart *part = NULL;
	bool all_sent = false, ok = false;
	char *filename = deviantart_clean_filename(file->original_filename, file->mime_type);

	if (filename == NULL) {
		http_no_memory(why);
		goto out;
	}
	if (!deviantart_open(da, &x, "/api/v1/oauth2/stash/submit", access_token, why) ||
	    !http_exchange_header(&x, "Expect", "", why)) /* no second's pause before the body */
		goto out;
	http_exchange_set_limits(&x, DEVIANTART_CONNECT_MS, WHOLE_LIMIT_MS);
	x.mime = curl_mime_init(x.easy);
	if (x.mime != NULL && add_texts(x.mime, post, replace_item))
		part = add_file(x.mime, filename, file->mime_type);
	if (part == NULL) {
		http_no_memory(why);
		goto out;
	}
	upload.shown_name = filename;
	ok = upload_stream(da->storage, &x, part, &upload, watch, &progress, &all_sent, why) &&
	     read_item(&x, all_sent, item, why);
out:
	http_exchange_close(&x);
	free(filename);
	return ok || failure_prefix(why, "stash/submit: ");
}

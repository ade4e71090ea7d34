/*
 * deviantart_submit.c - POST stash/submit: a picture and its texts into the artist's Sta.sh.
 * [worker]
 *
 * May be repeated: a lost answer leaves at most a private item that nobody publishes
 * (deviantart-api.md 9.2). So an upload that met a kept connection which had died is sent once more
 * on a new one, and no attempt has failed. Only fields that are documented for submit are sent
 * (5.1).
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

/* What is sent, as often as that takes. */
struct submission {
	struct deviantart *da;
	const char *access_token;
	const struct deviantart_post *post;
	const char *replace_item;
	const char *mime_type;
	struct upload_file file; /* with its clean name */
	const struct watch *watch;
	struct upload_progress progress;
};

/* *is_dead: it met a connection that had died while nobody used it. */
static bool
submit_once(const struct submission *s, bool on_new_connection, char item[DEVIANTART_ITEM_SIZE],
	    bool *is_dead, struct failure *why)
{
	struct http_exchange x = {0};
	curl_mimepart *part = NULL;
	bool all_sent = false, ok = false;

	*is_dead = false;
	if (!deviantart_open(s->da, &x, "/api/v1/oauth2/stash/submit", s->access_token, why) ||
	    !http_exchange_header(&x, "Expect", "", why)) /* no second's pause before the body */
		goto out;
	http_exchange_set_limits(&x, DEVIANTART_CONNECT_MS, WHOLE_LIMIT_MS);
	if (on_new_connection)
		http_exchange_set_new(&x);
	x.mime = curl_mime_init(x.easy);
	if (x.mime != NULL && add_texts(x.mime, s->post, s->replace_item))
		part = add_file(x.mime, s->file.shown_name, s->mime_type);
	if (part == NULL) {
		http_no_memory(why);
		goto out;
	}
	if (!upload_stream(s->da->storage, &x, part, &s->file, s->watch, &s->progress, &all_sent,
			   why))
		goto out;
	*is_dead = http_exchange_met_dead_connection(&x);
	ok = read_item(&x, all_sent, item, why);
out:
	http_exchange_close(&x);
	return ok;
}

bool
deviantart_submit(struct deviantart *da, const char *access_token,
		  const struct deviantart_post *post, const struct deviantart_file *file,
		  const char *replace_item, const struct watch *watch,
		  void (*on_progress)(void *arg, int64_t sent_bytes), void *progress_arg,
		  char item[DEVIANTART_ITEM_SIZE], struct failure *why)
{
	char *filename = deviantart_clean_filename(file->original_filename, file->mime_type);
	const struct submission s = {.da = da,
				     .access_token = access_token,
				     .post = post,
				     .replace_item = replace_item,
				     .mime_type = file->mime_type,
				     .file = {.storage_key = file->storage_key,
					      .shown_name = filename,
					      .size_bytes = file->size_bytes},
				     .watch = watch,
				     .progress = {on_progress, progress_arg}};
	bool ok = false, is_dead;

	if (filename == NULL) {
		http_no_memory(why);
	} else {
		ok = submit_once(&s, false, item, &is_dead, why);
		if (!ok && is_dead)
			ok = submit_once(&s, true, item, &is_dead, why);
	}
	free(filename);
	return ok || failure_prefix(why, "stash/submit: ");
}

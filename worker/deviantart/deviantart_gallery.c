/*
 * deviantart_gallery.c - reading back what is public: gallery/all and deviation/metadata. [worker]
 *
 * Entries that lack what counts (an id) are passed over: unknown and missing members are normal
 * (deviantart-api.md 4, 10.3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "worker/deviantart/answer_json.h"
#include "worker/deviantart/deviantart_internal.h"
#include "worker/deviantart/form.h"
#include "worker/http/utf8.h"

#define PAGE_SIZE      24 /* deviantart-api.md 7 */
#define METADATA_LIMIT 10

static void
copy_line(char *out, size_t out_size, const char *text)
{
	utf8_line(out, out_size, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static bool
read_post(const cJSON *entry, struct deviantart_gallery_post *post)
{
	char *title = deviantart_plain_title(answer_json_text(entry, "title"));

	memset(post, 0, sizeof(*post));
	post->download_size_bytes = -1;
	copy_line(post->title, sizeof(post->title), title);
	free(title); /* NULL where memory is short: then there is no title to compare */
	if (!cJSON_IsObject(entry) ||
	    !deviantart_copy_id(post->deviation_id, answer_json_text(entry, "deviationid")) ||
	    cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "is_deleted")))
		return false;
	deviantart_copy_url(post->url, answer_json_text(entry, "url"));
	(void)answer_json_whole(entry, "published_time", &post->published_time_s);
	(void)answer_json_whole(entry, "download_filesize", &post->download_size_bytes);
	return true;
}

bool
deviantart_gallery(struct deviantart *da, const char *access_token, int offset,
		   const struct watch *watch, struct deviantart_gallery_post posts[24],
		   size_t *count, bool *has_more, struct failure *why)
{
	struct cJSON *json = NULL;
	const cJSON *entry, *results;
	size_t found = 0;
	char path[128];

	(void)snprintf(path, sizeof(path),
		       "/api/v1/oauth2/gallery/all?limit=%d&mature_content=true&offset=%d",
		       PAGE_SIZE, offset);
	if (!deviantart_read(da, "gallery/all", path, access_token, watch, &json, why))
		return false;
	results = cJSON_GetObjectItemCaseSensitive(json, "results");
	if (!cJSON_IsArray(results)) {
		answer_json_free(json);
		return failure_set(why, FAILURE_NETWORK_ERROR,
				   "gallery/all: the answer has no results");
	}
	cJSON_ArrayForEach(entry, results) if (found < PAGE_SIZE && read_post(entry, &posts[found]))
		found++;
	*has_more = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "has_more"));
	*count = found;
	answer_json_free(json);
	return true;
}

/* ---- metadata ---- */

static bool
metadata_path(const char *const *ids, size_t count, char **path, struct failure *why)
{
	struct form query = {0};
	char name[32];

	form_add(&query, "ext_submission", "1");
	form_add(&query, "mature_content", "true");
	for (size_t i = 0; i < count && i < METADATA_LIMIT; i++) {
		(void)snprintf(name, sizeof(name), "deviationids[%zu]", i);
		form_add(&query, name, ids[i]);
	}
	if (query.is_broken || query.text == NULL ||
	    asprintf(path, "/api/v1/oauth2/deviation/metadata?%s", query.text) < 0) {
		form_free(&query);
		return http_no_memory(why);
	}
	form_free(&query);
	return true;
}

/* The members may stand in an object of their own or directly in the entry. */
static bool
read_metadata(const cJSON *entry, struct deviantart_metadata *out)
{
	const cJSON *submission = cJSON_GetObjectItemCaseSensitive(entry, "submission");
	const cJSON *app;

	memset(out, 0, sizeof(*out));
	if (!cJSON_IsObject(entry) ||
	    !deviantart_copy_id(out->deviation_id, answer_json_text(entry, "deviationid")))
		return false;
	if (!cJSON_IsObject(submission))
		submission = entry;
	app = cJSON_GetObjectItemCaseSensitive(submission, "submitted_with");
	copy_line(out->app, sizeof(out->app), answer_json_text(app, "app"));
	copy_line(out->file_size, sizeof(out->file_size),
		  answer_json_text(submission, "file_size"));
	copy_line(out->resolution, sizeof(out->resolution),
		  answer_json_text(submission, "resolution"));
	deviantart_parse_size(out->file_size, &out->file_size_bytes_low,
			      &out->file_size_bytes_high);
	return true;
}

bool
deviantart_metadata(struct deviantart *da, const char *access_token, const char *const *ids,
		    size_t count, const struct watch *watch, struct deviantart_metadata *out,
		    size_t *found, struct failure *why)
{
	struct cJSON *json = NULL;
	const cJSON *entry, *entries;
	size_t limit = count < METADATA_LIMIT ? count : METADATA_LIMIT, used = 0;
	char *path = NULL;
	bool ok;

	if (count == 0) {
		*found = 0;
		return true;
	}
	if (!metadata_path(ids, count, &path, why))
		return false;
	ok = deviantart_read(da, "deviation/metadata", path, access_token, watch, &json, why);
	free(path);
	if (!ok)
		return false;
	entries = cJSON_GetObjectItemCaseSensitive(json, "metadata");
	if (!cJSON_IsArray(entries)) {
		answer_json_free(json);
		return failure_set(why, FAILURE_NETWORK_ERROR,
				   "deviation/metadata: the answer has no metadata");
	}
	cJSON_ArrayForEach(entry, entries) if (used < limit && read_metadata(entry, &out[used]))
		used++;
	*found = used;
	answer_json_free(json);
	return true;
}

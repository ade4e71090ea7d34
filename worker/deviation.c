/*
 * deviation.c - one deviation as a claim finds it.                      [worker]
 */
#include "worker/deviation.h"

#include <cjson/cJSON.h>
#include <libpq-fe.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json_memory.h"
#include "common/postgres.h"
#include "common/text.h"

#define EXACT_DOUBLE 9007199254740992.0 /* 2^53 */

/* The columns of sql/begin.sql, in its order. */
enum column {
	COL_STATUS,
	COL_USER_ID,
	COL_VERSION,
	COL_LOCK_HOLDER,
	COL_LOCKED_FOR_MS,
	COL_DUE_IN_MS,
	COL_TITLE,
	COL_DESCRIPTION,
	COL_TAGS,
	COL_CATEGORY_PATH,
	COL_GALLERY_IDS,
	COL_IS_MATURE,
	COL_MATURE_LEVEL,
	COL_ALLOW_COMMENTS,
	COL_ALLOW_FREE_DOWNLOAD,
	COL_IS_AI_GENERATED,
	COL_NO_AI,
	COL_STASH_ONLY,
	COL_ADD_WATERMARK,
	COL_DISPLAY_RESOLUTION,
	COL_UPLOAD_MODE,
	COL_STASH_ITEM_ID,
	COL_DEVIATION_ID,
	COL_DEVIATION_URL,
	COL_UNTOUCHED_MS,
	COL_ACCESS_TOKEN,
	COL_REFRESH_TOKEN,
	COL_TOKEN_LEFT_MS,
	COL_REFRESH_LEFT_MS,
	COL_FILES,
	COL_JOURNAL,
	COL_CRASHES,
	COL_RETRIES,
	COL_REFUSED_FOR_MS,
	COL_ENDED,
	COL_ERROR_MESSAGE,
	COL_USERNAME,
	COL_COUNT
};

static const char *const status_names[] = {
	[DEVIATION_REVIEW] = "review",         [DEVIATION_DRAFT] = "draft",
	[DEVIATION_SCHEDULED] = "scheduled",   [DEVIATION_UPLOADING] = "uploading",
	[DEVIATION_PUBLISHING] = "publishing", [DEVIATION_PUBLISHED] = "published",
	[DEVIATION_FAILED] = "failed",
};

static const char *
column(const PGresult *result, enum column col)
{
	return PQgetisnull(result, 0, (int)col) ? NULL : PQgetvalue(result, 0, (int)col);
}

static int64_t
number(const PGresult *result, enum column col, int64_t otherwise)
{
	const char *text = column(result, col);

	return text == NULL ? otherwise : strtoll(text, NULL, 10);
}

static bool
yes(const PGresult *result, enum column col)
{
	const char *text = column(result, col);

	return text != NULL && text[0] == 't';
}

/* Copies a column that may be NULL; *failed is set when memory ran out. */
static char *
copy(const char *text, bool *failed)
{
	char *out = text == NULL ? NULL : strdup(text);

	if (text != NULL && out == NULL)
		*failed = true;
	return out;
}

static void
free_list(char **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

/* A JSON array of strings; entries that are no strings are left out. NULL for none. */
static char **
read_list(const char *json, bool *failed)
{
	cJSON *array = json == NULL ? NULL : cJSON_Parse(json);
	const cJSON *item;
	char **list = NULL;
	size_t count = 0;

	if (cJSON_IsArray(array)) {
		list = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof(*list));
		if (list == NULL)
			*failed = true;
		cJSON_ArrayForEach(item, array)
		{
			if (list != NULL && cJSON_IsString(item))
				list[count++] = copy(item->valuestring, failed);
		}
	}
	cJSON_Delete(array);
	return list;
}

static char *
member_text(const cJSON *object, const char *name, bool *failed)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? copy(item->valuestring, failed) : NULL;
}

static int64_t
member_number(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	/* A double beyond the type's range must not be converted: that is anything at all. */
	if (!cJSON_IsNumber(item) || !(item->valuedouble > -EXACT_DOUBLE) ||
	    !(item->valuedouble < EXACT_DOUBLE))
		return otherwise;
	return (int64_t)item->valuedouble;
}

static int
member_int(const cJSON *object, const char *name)
{
	int64_t value = member_number(object, name, 0);

	return value < INT_MIN || value > INT_MAX ? INT_MAX : (int)value;
}

static void
read_files(struct deviation *deviation, const char *json, bool *failed)
{
	cJSON *array = json == NULL ? NULL : cJSON_Parse(json);
	const cJSON *item;
	int count = cJSON_IsArray(array) ? cJSON_GetArraySize(array) : 0;

	if (count > 0) {
		deviation->files = calloc((size_t)count, sizeof(*deviation->files));
		*failed = *failed || deviation->files == NULL;
	}
	cJSON_ArrayForEach(item, array)
	{
		struct deviation_file *file;

		if (deviation->files == NULL || deviation->file_count == (size_t)count)
			break;
		file = &deviation->files[deviation->file_count++];
		file->id = member_text(item, "id", failed);
		file->name = member_text(item, "name", failed);
		file->key = member_text(item, "key", failed);
		file->type = member_text(item, "type", failed);
		file->size_bytes = member_number(item, "size", -1);
		file->publish_last_ago_ms = -1;
		file->public_for_ms = -1;
	}
	cJSON_Delete(array);
}

static struct deviation_file *
find_file(struct deviation *deviation, const char *id)
{
	for (size_t i = 0; i < deviation->file_count; i++) {
		if (deviation->files[i].id != NULL && id != NULL &&
		    strcmp(deviation->files[i].id, id) == 0)
			return &deviation->files[i];
	}
	return NULL;
}

static enum file_state
file_state(const char *name)
{
	if (name == NULL)
		return FILE_NEW;
	if (strcmp(name, "submitted") == 0)
		return FILE_SUBMITTED;
	return strcmp(name, "publishing") == 0 ? FILE_PUBLISHING : FILE_PUBLISHED;
}

/* The row's item may be one of a file that the artist has replaced since. */
static void
note_item(struct deviation *deviation, const char *item, const char *state)
{
	if (item != NULL && state != NULL && deviation->stash_item_id != NULL &&
	    strcmp(item, deviation->stash_item_id) == 0 && file_state(state) != FILE_PUBLISHING)
		deviation->stash_item_settled = true;
}

/* What the journal knows of files that the row does not have any more stays in the journal. */
static void
read_journal(struct deviation *deviation, const char *json, bool *failed)
{
	cJSON *array = json == NULL ? NULL : cJSON_Parse(json);
	const cJSON *entry;

	cJSON_ArrayForEach(entry, array)
	{
		const char *id =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "id"));
		const char *item =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "item"));
		const char *digest =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "digest"));
		const char *state =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(entry, "state"));
		struct deviation_file *file = find_file(deviation, id);

		note_item(deviation, item, state);
		if (file == NULL)
			continue;
		file->state = file_state(state);
		snprintf(file->item, sizeof(file->item), "%s", item != NULL ? item : "");
		snprintf(file->digest, sizeof(file->digest), "%s", digest != NULL ? digest : "");
		file->publish_first_at_s = member_number(entry, "first_at", 0);
		file->publish_last_ago_ms = member_number(entry, "last_ms", -1);
		file->public_for_ms = member_number(entry, "public_ms", -1);
		file->asks = member_int(entry, "asks");
		file->looks = member_int(entry, "looks");
		file->item_gone = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(entry, "gone"));
		free(file->title); /* an id that is told twice */
		free(file->deviation_id);
		free(file->url);
		file->title = member_text(entry, "title", failed);
		file->deviation_id = member_text(entry, "deviation_id", failed);
		file->url = member_text(entry, "url", failed);
	}
	cJSON_Delete(array);
}

static enum deviation_status
read_status(const char *name)
{
	for (int i = 0; i < DEVIATION_STATUS_UNKNOWN; i++) {
		if (name != NULL && strcmp(name, status_names[i]) == 0)
			return (enum deviation_status)i;
	}
	return DEVIATION_STATUS_UNKNOWN;
}

static void
read_row(struct deviation *d, const PGresult *r, bool *failed)
{
	d->status = read_status(column(r, COL_STATUS));
	d->user_id = copy(column(r, COL_USER_ID), failed);
	d->username = copy(column(r, COL_USERNAME), failed);
	d->locked = column(r, COL_VERSION) != NULL;
	d->version = number(r, COL_VERSION, 0);
	d->lock_holder = copy(column(r, COL_LOCK_HOLDER), failed);
	d->locked_for_ms = number(r, COL_LOCKED_FOR_MS, 0);
	d->due_known = column(r, COL_DUE_IN_MS) != NULL;
	d->due_in_ms = number(r, COL_DUE_IN_MS, 0);
	d->read_mono_ms = clock_mono_ms();
	d->untouched_ms = number(r, COL_UNTOUCHED_MS, 0);
	d->title = copy(column(r, COL_TITLE), failed);
	d->description = copy(column(r, COL_DESCRIPTION), failed);
	d->category_path = copy(column(r, COL_CATEGORY_PATH), failed);
	d->mature_level = copy(column(r, COL_MATURE_LEVEL), failed);
	d->tags = read_list(column(r, COL_TAGS), failed);
	d->gallery_ids = read_list(column(r, COL_GALLERY_IDS), failed);
	d->is_mature = yes(r, COL_IS_MATURE);
	d->allow_comments = yes(r, COL_ALLOW_COMMENTS);
	d->allow_free_download = yes(r, COL_ALLOW_FREE_DOWNLOAD);
	d->is_ai_generated = yes(r, COL_IS_AI_GENERATED);
	d->no_ai = yes(r, COL_NO_AI);
	d->stash_only = yes(r, COL_STASH_ONLY);
	d->add_watermark = yes(r, COL_ADD_WATERMARK);
	d->display_resolution = (int)number(r, COL_DISPLAY_RESOLUTION, 0);
	d->multiple = column(r, COL_UPLOAD_MODE) != NULL &&
		      strcmp(column(r, COL_UPLOAD_MODE), "multiple") == 0;
	d->stash_item_id = copy(column(r, COL_STASH_ITEM_ID), failed);
	d->deviation_id = copy(column(r, COL_DEVIATION_ID), failed);
	d->deviation_url = copy(column(r, COL_DEVIATION_URL), failed);
}

/* libpq keeps an answer in one block: what is secret in it is wiped before the block goes back to
 * the heap. */
static void
wipe_column(PGresult *r, enum column col)
{
	if (!PQgetisnull(r, 0, (int)col))
		explicit_bzero(PQgetvalue(r, 0, (int)col), (size_t)PQgetlength(r, 0, (int)col));
}

bool
deviation_read(const char *id, struct pg_result *result, struct deviation **out,
	       struct failure *why)
{
	PGresult *r = POSTGRES_RESULT(result);
	struct deviation *d = calloc(1, sizeof(*d));
	unsigned denied = json_memory_denied();
	bool failed = false;

	if (d == NULL || PQntuples(r) != 1 || PQnfields(r) != COL_COUNT) {
		free(d);
		return failure_set(why, FAILURE_AWAY,
				   "the deviation could not be read (%d columns)", PQnfields(r));
	}
	d->id = copy(id, &failed);
	read_row(d, r, &failed);
	d->user_found = column(r, COL_ACCESS_TOKEN) != NULL;
	d->access_token = copy(column(r, COL_ACCESS_TOKEN), &failed);
	d->refresh_token = copy(column(r, COL_REFRESH_TOKEN), &failed);
	wipe_column(r, COL_ACCESS_TOKEN);
	wipe_column(r, COL_REFRESH_TOKEN);
	d->token_left_ms = number(r, COL_TOKEN_LEFT_MS, 0);
	d->refresh_left_ms = number(r, COL_REFRESH_LEFT_MS, 0);
	read_files(d, column(r, COL_FILES), &failed);
	if (!failed)
		read_journal(d, column(r, COL_JOURNAL), &failed);
	d->crashes = (int)number(r, COL_CRASHES, 0);
	d->retries_json = copy(column(r, COL_RETRIES), &failed);
	d->refused_for_ms = number(r, COL_REFUSED_FOR_MS, -1);
	d->ended = yes(r, COL_ENDED);
	d->error_message = copy(column(r, COL_ERROR_MESSAGE), &failed);
	d->outages = deviation_retries(d, "OUTAGE");
	/* A list that could not be parsed for want of memory is not an empty one. */
	if (failed || json_memory_denied() != denied) {
		deviation_free(d);
		return failure_set(why, FAILURE_AWAY, "out of memory");
	}
	*out = d;
	return true;
}

void
deviation_free(struct deviation *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->file_count; i++) {
		struct deviation_file *file = &d->files[i];

		free(file->id);
		free(file->name);
		free(file->key);
		free(file->type);
		free(file->title);
		free(file->deviation_id);
		free(file->url);
	}
	free(d->files);
	free_list(d->tags);
	free_list(d->gallery_ids);
	text_free_secret(d->access_token);
	text_free_secret(d->refresh_token);
	free(d->id);
	free(d->user_id);
	free(d->username);
	free(d->lock_holder);
	free(d->title);
	free(d->description);
	free(d->category_path);
	free(d->mature_level);
	free(d->stash_item_id);
	free(d->deviation_id);
	free(d->deviation_url);
	free(d->retries_json);
	free(d->error_message);
	free(d);
}

bool
deviation_set_tokens(struct deviation *d, const char *access_token, const char *refresh_token,
		     int64_t token_left_ms, struct failure *why)
{
	char *access = strdup(access_token), *refresh = strdup(refresh_token);

	if (access == NULL || refresh == NULL) {
		text_free_secret(access);
		text_free_secret(refresh);
		return failure_set(why, FAILURE_AWAY, "out of memory");
	}
	text_free_secret(d->access_token);
	text_free_secret(d->refresh_token);
	d->access_token = access;
	d->refresh_token = refresh;
	d->token_left_ms = token_left_ms;
	return true;
}

int
deviation_retries(const struct deviation *d, const char *category)
{
	cJSON *counts = d->retries_json == NULL ? NULL : cJSON_Parse(d->retries_json);
	int n = member_int(counts, category);

	cJSON_Delete(counts);
	return n;
}

struct deviantart_post
deviation_post(const struct deviation *d)
{
	return (struct deviantart_post){
		.title = d->title,
		.description = d->description,
		.tags = d->tags,
		.gallery_ids = d->gallery_ids,
		.category_path = d->category_path,
		.is_mature = d->is_mature,
		.mature_level = d->mature_level,
		.allow_comments = d->allow_comments,
		.allow_free_download = d->allow_free_download,
		.is_ai_generated = d->is_ai_generated,
		.no_ai = d->no_ai,
		.add_watermark = d->add_watermark,
		.display_resolution = d->display_resolution,
	};
}

/* Each part goes in with its terminator, so that ("ab", "c") and ("a", "bc") differ. */
static void
digest_text(EVP_MD_CTX *context, const char *text)
{
	EVP_DigestUpdate(context, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

void
deviation_digest(const struct deviation *d, const struct deviation_file *file, char out[65])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	char numbers[64];

	out[0] = '\0'; /* an unknown digest is never equal to a known one: the file is uploaded anew
			*/
	if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		goto out;
	digest_text(context, d->title);
	digest_text(context, d->description);
	for (size_t i = 0; d->tags != NULL && d->tags[i] != NULL; i++)
		digest_text(context, d->tags[i]);
	digest_text(context, "");
	digest_text(context, file->key);
	digest_text(context, file->name);
	digest_text(context, file->type);
	snprintf(numbers, sizeof(numbers), "%lld %d %d", (long long)file->size_bytes,
		 d->is_ai_generated, d->no_ai);
	digest_text(context, numbers);
	if (EVP_DigestFinal_ex(context, sum, &size) != 1 || size != 32)
		goto out;
	for (unsigned i = 0; i < size; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
out:
	EVP_MD_CTX_free(context);
}

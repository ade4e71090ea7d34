/*
 * statements_begin.c - begin.sql.   [simulator]
 */
#include "tests/chaos/simulator/statement.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* ---- begin.sql ---- */

static bool
may_begin(const struct post_row *post, const char *const *values)
{
	int64_t now_ms = tables_now_ms();
	const char *lock = values[2], *job_id = values[3], *job_name = values[4];
	char ours[256], theirs[256];

	if (!text_same(post->user_id, values[1]))
		return false;
	if (post->status != ROW_FAILED && post->status != ROW_PUBLISHING &&
	    post->status != ROW_UPLOADING &&
	    !(post->status == ROW_SCHEDULED && (!post->is_due_known || post->due_ms <= now_ms)))
		return false;
	if (post->file_count == 0)
		return false;
	if (post->status == ROW_FAILED && post->has_journal &&
	    text_same(post->failed_job, job_name))
		return false;
	return post->lock[0] == '\0' || text_same(post->lock, lock) || post->locked_ms == 0 ||
	       post->locked_ms < now_ms - HALF_AN_HOUR_MS ||
	       (lock_is_of_job(post->lock, job_id) &&
		strcmp(lock_part(post->lock, 2, theirs), lock_part(lock, 2, ours)) < 0);
}

static void
begin_post(struct post_row *post, const char *const *values, enum row_status seen_status)
{
	int stalls = (int)strtol(values[5], NULL, 10);

	if (!post->has_journal) {
		post->has_journal = true;
		SET(post->open_claim, values[2]);
		SET(post->came_as, row_status_names[seen_status]);
		post->stalls = stalls;
		post->crashes = 0;
		SET(post->retries, "{}");
		post->failed_job[0] = '\0';
		post->refused_ms = 0;
		return;
	}
	if (post->open_claim[0] != '\0' && stalls > post->stalls)
		post->crashes++;
	SET(post->open_claim, values[2]);
	post->stalls = stalls;
	if (seen_status != ROW_PUBLISHING)
		SET(post->came_as, row_status_names[seen_status]);
	else if (post->came_as[0] == '\0')
		SET(post->came_as, "publishing");
	post->failed_job[0] = '\0';
}

static void
add_number(cJSON *object, const char *name, int64_t number)
{
	cJSON_AddNumberToObject(object, name, (double)number);
}

static void
add_text(cJSON *object, const char *name, const char *text)
{
	if (text[0] == '\0')
		cJSON_AddNullToObject(object, name);
	else
		cJSON_AddStringToObject(object, name, text);
}

static void
put_json(struct table *out, cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	table_put(out, text);
	cJSON_free(text);
	cJSON_Delete(json);
}

/* json_agg() of no rows is NULL. */
static void
put_list(struct table *out, cJSON *list)
{
	if (cJSON_GetArraySize(list) > 0) {
		put_json(out, list);
		return;
	}
	cJSON_Delete(list);
	table_put(out, NULL);
}

static void
put_files(struct table *out, const struct post_row *post)
{
	cJSON *files = cJSON_CreateArray();

	for (int i = 0; i < post->file_count; i++) {
		cJSON *file = cJSON_CreateObject();

		add_text(file, "id", post->files[i].id);
		add_text(file, "name", post->files[i].name);
		add_text(file, "key", post->files[i].key);
		add_text(file, "type", post->files[i].type);
		add_number(file, "size", post->files[i].size_bytes);
		cJSON_AddItemToArray(files, file);
	}
	put_list(out, files);
}

static void
add_since(cJSON *object, const char *name, int64_t since_ms)
{
	if (since_ms == 0)
		cJSON_AddNullToObject(object, name);
	else
		add_number(object, name, tables_now_ms() - since_ms);
}

static void
put_journal(struct table *out, const struct post_row *post)
{
	cJSON *files = cJSON_CreateArray();

	for (int i = 0; i < post->file_count; i++) {
		const struct file_row *f = &post->files[i];
		cJSON *file;

		if (!f->has_journal)
			continue;
		file = cJSON_CreateObject();
		add_text(file, "id", f->id);
		add_text(file, "item", f->item);
		cJSON_AddStringToObject(file, "digest", f->digest);
		add_text(file, "title", f->title);
		add_text(file, "state", item_state_names[f->state]);
		add_since(file, "first_ms", f->first_ms);
		if (f->first_ms == 0)
			cJSON_AddNullToObject(file, "first_at");
		else
			add_number(file, "first_at", whole_seconds(f->first_ms));
		add_since(file, "last_ms", f->last_ms);
		add_since(file, "public_ms", f->public_since_ms);
		add_number(file, "asks", f->asks);
		add_number(file, "looks", f->looks);
		cJSON_AddBoolToObject(file, "gone", f->item_gone);
		add_text(file, "deviation_id", f->published_id);
		add_text(file, "url", f->url);
		cJSON_AddItemToArray(files, file);
	}
	put_list(out, files);
}

static void
put_row(struct table *out, const struct post_row *post)
{
	table_put(out, post->title);
	table_put(out, "");
	table_put(out, "[\"one\",\"two\"]");
	table_put(out, NULL); /* category_path */
	table_put(out, "[]");
	table_put_bool(out, false);
	table_put(out, NULL); /* mature_level */
	table_put_bool(out, true);
	table_put_bool(out, false);
	table_put_bool(out, false);
	table_put_bool(out, false);
	table_put_bool(out, post->is_stash_only);
	table_put_bool(out, false);
	table_put_number(out, 0);
	table_put(out, post->is_multiple ? "multiple" : "single");
	table_put_text(out, post->stash_item);
	table_put_text(out, post->deviation_id);
	table_put_text(out, post->url);
}

bool
run_begin(const char *const *values, struct table *out)
{
	struct post_row *post = tables_post(values[0]);
	struct post_row seen;
	int64_t now_ms = tables_now_ms();
	bool locked;

	if (post == NULL)
		return true;
	seen = *post;
	locked = may_begin(post, values);
	if (locked) {
		SET(post->lock, values[2]);
		post->locked_ms = now_ms;
		post->version++;
		if (post->status != ROW_PUBLISHING)
			post->status = ROW_UPLOADING;
		post->updated_ms = now_ms;
		begin_post(post, values, seen.status);
	}
	table_new_row(out);
	table_put(out, row_status_names[post->status]);
	table_put(out, post->user_id);
	if (locked)
		table_put_number(out, post->version);
	else
		table_put(out, NULL);
	table_put_text(out, post->lock);
	if (post->locked_ms == 0)
		table_put(out, NULL);
	else
		table_put_number(out, now_ms - post->locked_ms);
	if (post->is_due_known)
		table_put_number(out, post->due_ms - now_ms);
	else
		table_put(out, NULL);
	put_row(out, post);
	table_put_number(out, now_ms - seen.updated_ms);
	table_put_user(out, tables_user(post->user_id));
	put_files(out, post);
	put_journal(out, post);
	if (locked) {
		table_put_number(out, post->crashes);
		table_put(out, post->retries);
		if (post->refused_ms == 0)
			table_put(out, NULL);
		else
			table_put_number(out, now_ms - post->refused_ms);
	} else {
		table_put(out, NULL);
		table_put(out, NULL);
		table_put(out, NULL);
	}
	table_put_bool(out, post->status == ROW_FAILED && seen.has_journal &&
				    text_same(seen.failed_job, values[4]));
	table_put_text(out, post->error);
	table_put(out, tables_user(post->user_id) == NULL ? NULL : post->user_id); /* username */
	return true;
}

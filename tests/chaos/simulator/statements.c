/*
 * statements.c - worker/sql/ in C, a function a file; see tables.h.     [simulator]
 */
#include "tests/chaos/simulator/tables.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/mirror.h"
#include "tests/chaos/simulator/sim.h"

struct tables tables;

const char *const row_status_names[] = {"review",     "draft",     "scheduled", "uploading",
					"publishing", "published", "failed"};
const char *const item_state_names[] = {"submitted", "publishing", "published"};

#define PREFIX          "isekai-publisher|"
#define HALF_AN_HOUR_MS (30 * 60 * 1000)

int64_t
tables_now_ms(void)
{
	return sim_now_ms() + SIM_WALL_MS;
}

struct post_row *
tables_post(const char *id)
{
	for (int i = 0; i < tables.post_count; i++) {
		if (strcmp(tables.posts[i].id, id) == 0)
			return &tables.posts[i];
	}
	return NULL;
}

struct user_row *
tables_user(const char *id)
{
	for (int i = 0; i < tables.user_count; i++) {
		if (strcmp(tables.users[i].id, id) == 0)
			return &tables.users[i];
	}
	return NULL;
}

static struct file_row *
file_of(struct post_row *post, const char *id)
{
	for (int i = 0; id != NULL && i < post->file_count; i++) {
		if (strcmp(post->files[i].id, id) == 0)
			return &post->files[i];
	}
	return NULL;
}

/* ---- answers ---- */

void
table_free(struct table *table)
{
	for (int row = 0; row < table->rows; row++) {
		for (int column = 0; column < table->columns; column++)
			free(table->values[row][column]);
	}
	*table = (struct table){.rows = 0};
}

static void
put(struct table *out, const char *text)
{
	char *copy = text == NULL ? NULL : strdup(text);

	if (text != NULL && copy == NULL)
		abort();
	out->values[out->rows - 1][out->columns++] = copy;
}

/* "" is NULL here. */
static void
put_text(struct table *out, const char *text)
{
	put(out, text[0] == '\0' ? NULL : text);
}

static void
put_number(struct table *out, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	put(out, text);
}

static void
put_bool(struct table *out, bool value)
{
	put(out, value ? "t" : "f");
}

static void
new_row(struct table *out)
{
	out->rows++;
	out->columns = 0;
}

/* What most statements answer: whether the fence held, and perhaps the file. */
static bool
answer(struct table *out, bool fence)
{
	new_row(out);
	put_number(out, fence);
	return true;
}

static bool
answer_with_item(struct table *out, bool fence, bool item)
{
	answer(out, fence);
	put_number(out, item);
	return true;
}

/* As PostgreSQL makes whole seconds of a time: to the nearest. */
static int64_t
whole_seconds(int64_t ms)
{
	return (ms + 500) / 1000;
}

/* ---- conditions that several have ---- */

static bool
is_true(const char *value)
{
	return value != NULL && strcmp(value, "true") == 0;
}

static void
set(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text != NULL ? text : "");
}
#define SET(to, text) set(to, sizeof(to), text)

static bool
same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool
starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* split_part(lock, '|', n); "" where there is none. */
static const char *
part(const char *lock, int n, char out[256])
{
	for (; n > 1; n--) {
		lock = strchr(lock, '|');
		if (lock == NULL)
			return "";
		lock++;
	}
	snprintf(out, 256, "%.*s", (int)strcspn(lock, "|"), lock);
	return out;
}

static bool
is_lock_of_job(const char *lock, const char *job_id)
{
	size_t size = strlen(lock), id_size = strlen(job_id);

	return starts_with(lock, PREFIX) && size > id_size && lock[size - id_size - 1] == '|' &&
	       strcmp(lock + size - id_size, job_id) == 0;
}

static struct post_row *
fenced(const char *const *values)
{
	struct post_row *post = tables_post(values[0]);

	return post != NULL && same(post->lock, values[1]) && post->lock[0] != '\0' ? post : NULL;
}

static void
unlock(struct post_row *post)
{
	post->lock[0] = '\0';
	post->locked_ms = 0;
}

static bool
has_item_in(const struct post_row *post, int state)
{
	for (int i = 0; i < post->file_count; i++) {
		if (post->files[i].has_journal && (int)post->files[i].state == state)
			return true;
	}
	return false;
}

static void
due_now(struct post_row *post)
{
	if (!post->is_due_known || post->due_ms > tables_now_ms())
		post->due_ms = tables_now_ms();
	post->is_due_known = true;
}

/* ---- begin.sql ---- */

static bool
may_begin(const struct post_row *post, const char *const *values)
{
	int64_t now_ms = tables_now_ms();
	const char *lock = values[2], *job_id = values[3], *job_name = values[4];
	char ours[256], theirs[256];

	if (!same(post->user_id, values[1]))
		return false;
	if (post->status != ROW_FAILED && post->status != ROW_PUBLISHING &&
	    post->status != ROW_UPLOADING &&
	    !(post->status == ROW_SCHEDULED && (!post->is_due_known || post->due_ms <= now_ms)))
		return false;
	if (post->file_count == 0)
		return false;
	if (post->status == ROW_FAILED && post->has_journal && same(post->failed_job, job_name))
		return false;
	return post->lock[0] == '\0' || same(post->lock, lock) || post->locked_ms == 0 ||
	       post->locked_ms < now_ms - HALF_AN_HOUR_MS ||
	       (is_lock_of_job(post->lock, job_id) &&
		strcmp(part(post->lock, 2, theirs), part(lock, 2, ours)) < 0);
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

	put(out, text);
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
	put(out, NULL);
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
	put(out, post->title);
	put(out, "");
	put(out, "[\"one\",\"two\"]");
	put(out, NULL); /* category_path */
	put(out, "[]");
	put_bool(out, false);
	put(out, NULL); /* mature_level */
	put_bool(out, true);
	put_bool(out, false);
	put_bool(out, false);
	put_bool(out, false);
	put_bool(out, post->is_stash_only);
	put_bool(out, false);
	put_number(out, 0);
	put(out, post->is_multiple ? "multiple" : "single");
	put_text(out, post->stash_item);
	put_text(out, post->deviation_id);
	put_text(out, post->url);
}

static void
put_user(struct table *out, const struct user_row *user)
{
	put(out, user == NULL ? NULL : user->access);
	put(out, user == NULL ? NULL : user->refresh);
	put_number(out, user == NULL ? 0 : user->expires_ms - tables_now_ms());
	put_number(out, user == NULL ? 0 : user->refresh_expires_ms - tables_now_ms());
}

static bool
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
	new_row(out);
	put(out, row_status_names[post->status]);
	put(out, post->user_id);
	if (locked)
		put_number(out, post->version);
	else
		put(out, NULL);
	put_text(out, post->lock);
	if (post->locked_ms == 0)
		put(out, NULL);
	else
		put_number(out, now_ms - post->locked_ms);
	if (post->is_due_known)
		put_number(out, post->due_ms - now_ms);
	else
		put(out, NULL);
	put_row(out, post);
	put_number(out, now_ms - seen.updated_ms);
	put_user(out, tables_user(post->user_id));
	put_files(out, post);
	put_journal(out, post);
	if (locked) {
		put_number(out, post->crashes);
		put(out, post->retries);
		if (post->refused_ms == 0)
			put(out, NULL);
		else
			put_number(out, now_ms - post->refused_ms);
	} else {
		put(out, NULL);
		put(out, NULL);
		put(out, NULL);
	}
	put_bool(out, post->status == ROW_FAILED && seen.has_journal &&
			      same(seen.failed_job, values[4]));
	put_text(out, post->error);
	return true;
}

/* ---- adopt.sql, submitted.sql, publishing.sql ---- */

/* A row of publisher.files with its columns' defaults. */
static void
add_to_journal(struct file_row *file)
{
	file->has_journal = true;
	file->item[0] = file->digest[0] = file->title[0] = '\0';
	file->state = ITEM_SUBMITTED;
	file->uploads = 1;
	file->submitted_ms = tables_now_ms();
	file->asks = file->looks = 0;
	file->first_ms = file->last_ms = file->public_since_ms = 0;
	file->item_gone = false;
	file->published_id[0] = file->url[0] = '\0';
}

static bool
run_adopt(const char *const *values, struct table *out)
{
	struct post_row *post = fenced(values);
	struct file_row *file = post == NULL ? NULL : file_of(post, values[2]);

	(void)out;
	if (file == NULL || file->has_journal)
		return true;
	add_to_journal(file);
	SET(file->item, values[3]);
	file->state = ITEM_PUBLISHING;
	file->first_ms = file->last_ms = tables_now_ms() - strtoll(values[4], NULL, 10);
	file->asks = 1;
	return true;
}

static bool
run_submitted(const char *const *values, struct table *out)
{
	struct post_row *post = fenced(values);
	struct file_row *file = post == NULL ? NULL : file_of(post, values[2]);
	bool item = file != NULL && (!file->has_journal || file->state == ITEM_SUBMITTED);

	if (post == NULL)
		return answer_with_item(out, false, false);
	if (is_true(values[5]))
		SET(post->stash_item, values[3]);
	post->locked_ms = post->updated_ms = tables_now_ms();
	if (!item)
		return answer_with_item(out, true, false);
	if (file->has_journal)
		file->uploads++;
	else
		add_to_journal(file);
	SET(file->item, values[3]);
	SET(file->digest, values[4]);
	SET(file->title, values[7]);
	file->submitted_ms = tables_now_ms();
	file->item_gone = false;
	post->crashes = 0;
	post->refused_ms = 0;
	return answer_with_item(out, true, true);
}

/* first_ms 0: no file was as expected. */
static bool
answer_publishing(struct table *out, bool fence, int64_t first_ms)
{
	answer_with_item(out, fence, first_ms != 0);
	if (first_ms == 0)
		put(out, NULL);
	else
		put_number(out, whole_seconds(first_ms));
	return true;
}

static bool
run_publishing(const char *const *values, struct table *out)
{
	struct post_row *post = fenced(values);
	struct file_row *file = post == NULL ? NULL : file_of(post, values[2]);
	int64_t now_ms = tables_now_ms();
	bool item;

	if (post == NULL)
		return answer_publishing(out, false, 0);
	if (post->status != ROW_UPLOADING && post->status != ROW_PUBLISHING &&
	    post->status != ROW_FAILED && post->status != ROW_SCHEDULED) {
		unlock(post);
		post->updated_ms = now_ms;
		post->open_claim[0] = '\0';
		return answer_publishing(out, false, 0);
	}
	post->status = ROW_PUBLISHING;
	post->locked_ms = post->updated_ms = now_ms;
	item = file != NULL && file->has_journal && same(file->item, values[3]) &&
	       same(item_state_names[file->state], values[4]);
	if (item) {
		file->state = ITEM_PUBLISHING;
		if (file->first_ms == 0)
			file->first_ms = now_ms;
		file->last_ms = now_ms;
		file->asks += (int)strtol(values[5], NULL, 10);
	}
	return answer_publishing(out, true, item ? file->first_ms : 0);
}

/* ---- published.sql ---- */

static bool
id_is_taken(const struct file_row *file, const char *id)
{
	for (int i = 0; i < tables.post_count; i++) {
		for (int f = 0; f < tables.posts[i].file_count; f++) {
			const struct file_row *other = &tables.posts[i].files[f];

			if (other != file && other->has_journal && other->published_id[0] != '\0' &&
			    same(other->published_id, id))
				return true;
		}
	}
	return false;
}

static bool
run_published(const char *const *values, struct table *out, const char **sqlstate)
{
	struct post_row *post = fenced(values);
	struct file_row *file = post == NULL ? NULL : file_of(post, values[2]);
	int64_t now_ms = tables_now_ms();
	bool last = is_true(values[7]);

	if (post == NULL)
		return answer(out, false);
	if (file != NULL && file->has_journal && values[3] != NULL &&
	    id_is_taken(file, values[3])) {
		*sqlstate = "23505";
		return false;
	}
	/* deviations.deviation_id is unique as well. */
	for (int i = 0; last && values[5] != NULL && i < tables.post_count; i++) {
		if (&tables.posts[i] != post && same(tables.posts[i].deviation_id, values[5])) {
			*sqlstate = "23505";
			return false;
		}
	}
	if (last) {
		unlock(post);
		post->status = ROW_PUBLISHED;
		SET(post->deviation_id, values[5]);
		SET(post->url, values[6]);
		post->published_ms = now_ms;
		post->post_counted = true;
		post->error[0] = '\0';
		post->publishes_recorded++;
	} else {
		post->locked_ms = now_ms;
	}
	if (values[8] != NULL)
		SET(post->stash_item, values[8]);
	post->updated_ms = now_ms;
	if (file != NULL && file->has_journal) {
		file->state = ITEM_PUBLISHED;
		SET(file->published_id, values[3]);
		SET(file->url, values[4]);
	}
	if (last)
		post->has_journal = false;
	else
		post->crashes = 0;
	post->refused_ms = 0;
	if (last && is_true(values[11]) && !post->is_stash_only && post->wants_sale &&
	    post->sales == 0)
		post->sales = 1;
	return answer(out, true);
}

/* ---- release.sql, failed.sql, reject.sql ---- */

static void
count_retry(struct post_row *post, const char *category)
{
	cJSON *counts = cJSON_Parse(post->retries);
	const cJSON *old = cJSON_GetObjectItemCaseSensitive(counts, category);
	double count = cJSON_IsNumber(old) ? old->valuedouble : 0;
	char *text;

	cJSON_DeleteItemFromObjectCaseSensitive(counts, category);
	cJSON_AddNumberToObject(counts, category, count + 1);
	text = cJSON_PrintUnformatted(counts);
	SET(post->retries, text);
	cJSON_free(text);
	cJSON_Delete(counts);
}

static void
release_status(struct post_row *post, bool stays, bool came_publishing)
{
	if (stays)
		post->status = ROW_PUBLISHING;
	else if (post->status == ROW_UPLOADING ||
		 (post->status == ROW_PUBLISHING && !came_publishing))
		post->status = ROW_SCHEDULED;
}

static bool
run_release(const char *const *values, struct table *out)
{
	struct post_row *post = fenced(values);
	struct file_row *refused = post == NULL ? NULL : file_of(post, values[6]);
	int64_t now_ms = tables_now_ms();
	bool unknown = false, partly, in_work, stays, came_publishing;

	if (post == NULL)
		return answer(out, false);
	for (int i = 0; i < post->file_count; i++) {
		const struct file_row *f = &post->files[i];

		if (f->has_journal && f->state == ITEM_PUBLISHING &&
		    !(f == refused && f->asks <= 1 && f->public_since_ms == 0))
			unknown = true;
	}
	partly = has_item_in(post, ITEM_PUBLISHED);
	came_publishing = post->has_journal && same(post->came_as, "publishing");
	in_work = post->status == ROW_UPLOADING || post->status == ROW_PUBLISHING;
	stays = unknown || (partly && in_work);
	if (in_work && !unknown)
		due_now(post);
	release_status(post, stays, came_publishing);
	if (stays)
		post->locked_ms = now_ms;
	else
		unlock(post);
	if (values[2] != NULL)
		SET(post->error, values[2]);
	if (is_true(values[4])) {
		post->retry_count++;
		post->burned++;
	}
	post->updated_ms = now_ms;
	if (refused != NULL && refused->has_journal && refused->state == ITEM_PUBLISHING &&
	    refused->public_since_ms == 0) {
		if (refused->asks <= 1) {
			refused->state = ITEM_SUBMITTED;
			refused->first_ms = 0;
		}
		refused->asks--;
	}
	if (post->has_journal) {
		post->open_claim[0] = '\0';
		if (is_true(values[4]))
			post->crashes = 0;
		if (values[3] != NULL)
			count_retry(post, values[3]);
		if (is_true(values[5]) && post->refused_ms == 0)
			post->refused_ms = now_ms;
	}
	return answer(out, true);
}

static void
settle_failed_file(struct file_row *file, const char *forget, const char *refused)
{
	if (!file->has_journal)
		return;
	if (same(file->id, forget) && file->state != ITEM_PUBLISHED) {
		file->has_journal = false;
		return;
	}
	if (file->state != ITEM_PUBLISHING || file->public_since_ms != 0 || same(file->id, forget))
		return;
	file->looks = 0;
	if (!same(file->id, refused)) {
		file->asks = 1;
		return;
	}
	if (file->asks <= 1) {
		file->state = ITEM_SUBMITTED;
		file->first_ms = 0;
	}
	file->asks--;
}

static bool
run_failed(const char *const *values, struct table *out)
{
	struct post_row *post = fenced(values);

	if (post == NULL || (post->status != ROW_UPLOADING && post->status != ROW_PUBLISHING &&
			     post->status != ROW_SCHEDULED && post->status != ROW_FAILED))
		return answer(out, false);
	post->status = ROW_FAILED;
	SET(post->error, values[2]);
	post->retry_count++;
	post->failures++;
	post->may_run_failed = false;
	unlock(post);
	if (values[3] != NULL)
		post->stash_item[0] = '\0';
	post->updated_ms = tables_now_ms();
	for (int i = 0; i < post->file_count; i++)
		settle_failed_file(&post->files[i], values[3], values[4]);
	if (!post->has_journal)
		post->stalls = 0;
	post->has_journal = true;
	SET(post->failed_job, values[5]);
	post->came_as[0] = post->open_claim[0] = '\0';
	post->crashes = 0;
	SET(post->retries, "{}");
	post->refused_ms = 0;
	return answer(out, true);
}

static bool
run_reject(const char *const *values, struct table *out)
{
	struct post_row *post = tables_post(values[0]);
	int64_t now_ms = tables_now_ms();

	if (post == NULL || !same(post->user_id, values[1]) ||
	    !(post->lock[0] == '\0' || post->locked_ms == 0 ||
	      post->locked_ms < now_ms - HALF_AN_HOUR_MS ||
	      is_lock_of_job(post->lock, values[3])) ||
	    (post->status != ROW_SCHEDULED && post->status != ROW_UPLOADING &&
	     post->status != ROW_PUBLISHING && post->status != ROW_FAILED))
		return answer(out, false);
	post->status = ROW_FAILED;
	SET(post->error, values[2]);
	unlock(post);
	post->retry_count++;
	post->failures++;
	post->updated_ms = now_ms;
	return answer(out, true);
}

/* ---- outcome.sql, twins.sql, used_posts.sql ---- */

static bool
run_outcome(const char *const *values, struct table *out)
{
	struct post_row *post = fenced(values);
	struct file_row *file = post == NULL ? NULL : file_of(post, values[2]);
	int64_t now_ms = tables_now_ms();
	bool item = file != NULL && file->has_journal && file->state == ITEM_PUBLISHING;

	if (post == NULL)
		return answer_with_item(out, false, false);
	post->locked_ms = post->updated_ms = now_ms;
	if (item) {
		if (is_true(values[3]) && file->public_since_ms == 0)
			file->public_since_ms = now_ms;
		file->item_gone = file->item_gone || is_true(values[4]);
		file->looks += is_true(values[5]);
	}
	return answer_with_item(out, true, item);
}

static bool
run_twins(const char *const *values, struct table *out)
{
	for (int i = 0; i < tables.post_count; i++) {
		const struct post_row *post = &tables.posts[i];

		for (int f = 0; f < post->file_count; f++) {
			const struct file_row *file = &post->files[f];

			if (!same(post->user_id, values[0]) || !file->has_journal ||
			    file->state != ITEM_PUBLISHING ||
			    (same(post->id, values[1]) && same(file->id, values[2])) ||
			    out->rows == ROWS_MOST)
				continue;
			new_row(out);
			put(out, file->title[0] != '\0' ? file->title : post->title);
			put_number(out, file->size_bytes);
			put_number(out, file->looks > 0);
		}
	}
	return true;
}

static bool
run_used_posts(const char *const *values, struct table *out)
{
	cJSON *ids = cJSON_Parse(values[0]);
	const cJSON *id;

	cJSON_ArrayForEach(id, ids)
	{
		bool used = false;

		for (int i = 0; i < tables.post_count; i++) {
			const struct post_row *post = &tables.posts[i];
			bool own = same(post->id, values[1]);

			used = used || (!own && same(post->deviation_id, id->valuestring));
			for (int f = 0; f < post->file_count; f++)
				used = used || (post->files[f].has_journal &&
						!(own && same(post->files[f].id, values[2])) &&
						same(post->files[f].published_id, id->valuestring));
		}
		if (used && out->rows < ROWS_MOST) {
			new_row(out);
			put(out, id->valuestring);
		}
	}
	cJSON_Delete(ids);
	return true;
}

/* ---- the dispatcher's: release_dead.sql, overdue.sql, keep_locks.sql ---- */

static bool
is_listed(const cJSON *ids, const char *text)
{
	const cJSON *id;

	cJSON_ArrayForEach(id, ids)
	{
		if (same(cJSON_GetStringValue(id), text))
			return true;
	}
	return false;
}

static bool
run_release_dead(const char *const *values, struct table *out)
{
	cJSON *ids = cJSON_Parse(values[0]);
	const char *token = values[1];
	int64_t now_ms = tables_now_ms();
	char holder[256];

	(void)out;
	for (int i = 0; i < tables.user_count; i++) {
		struct user_row *user = &tables.users[i];

		if (user->has_lease && same(user->holder, token) && user->lease_expires_ms > now_ms)
			user->lease_expires_ms = now_ms;
	}
	for (int i = 0; i < tables.post_count; i++) {
		struct post_row *post = &tables.posts[i];
		bool listed = is_listed(ids, post->id);

		if (listed && post->has_journal && same(part(post->open_claim, 3, holder), token)) {
			post->crashes += same(values[2], "true");
			post->open_claim[0] = '\0';
		}
		if (!listed || !starts_with(post->lock, PREFIX) ||
		    !same(part(post->lock, 3, holder), token) ||
		    has_item_in(post, ITEM_PUBLISHING) || has_item_in(post, ITEM_PUBLISHED))
			continue;
		unlock(post);
		if (post->status == ROW_UPLOADING) {
			due_now(post);
			post->status = ROW_SCHEDULED;
		}
		post->updated_ms = now_ms;
	}
	cJSON_Delete(ids);
	return true;
}

static bool
is_overdue(const struct post_row *post)
{
	int64_t now_ms = tables_now_ms();

	if (post->status == ROW_SCHEDULED)
		return post->is_due_known && post->due_ms <= now_ms - 5000;
	return (post->status == ROW_UPLOADING || post->status == ROW_PUBLISHING) &&
	       post->updated_ms < now_ms - 30000 &&
	       (post->lock[0] == '\0' || post->locked_ms < now_ms - HALF_AN_HOUR_MS ||
		starts_with(post->lock, PREFIX));
}

static bool
run_overdue(const char *const *values, struct table *out)
{
	for (int i = 0; i < tables.post_count && out->rows < ROWS_MOST; i++) {
		const struct post_row *post = &tables.posts[i]; /* in the order of their ids */

		if (strcmp(post->id, values[1]) <= 0 ||
		    (values[2] != NULL && !same(post->id, values[2])) || !is_overdue(post))
			continue;
		new_row(out);
		put(out, post->id);
		put(out, post->user_id);
		put(out, post->is_multiple ? "multiple" : "single");
		put(out, row_status_names[post->status]);
		put_bool(out, post->has_journal);
	}
	return true;
}

static bool
run_keep_locks(const char *const *values, struct table *out)
{
	int64_t now_ms = tables_now_ms();

	(void)values;
	(void)out;
	for (int i = 0; i < tables.post_count; i++) {
		struct post_row *post = &tables.posts[i];

		if (starts_with(post->lock, PREFIX) && post->locked_ms < now_ms - 10 * 60 * 1000 &&
		    post->status == ROW_PUBLISHING &&
		    (has_item_in(post, ITEM_PUBLISHING) || has_item_in(post, ITEM_PUBLISHED)))
			post->locked_ms = post->updated_ms = now_ms;
	}
	return true;
}

/* ---- tokens ---- */

static bool
run_token_lease(const char *const *values, struct table *out)
{
	struct user_row *user = tables_user(values[0]);
	int64_t now_ms = tables_now_ms(), life_ms = strtoll(values[3], NULL, 10);
	bool refused;

	if (user == NULL)
		return true;
	refused = user->has_lease && user->is_refused && same(user->lease_digest, values[2]) &&
		  user->lease_started_ms > now_ms - 10 * 60 * 1000;
	if (!user->has_lease ||
	    ((user->lease_expires_ms < now_ms || same(user->holder, values[1])) && !refused)) {
		user->has_lease = true;
		user->is_refused = false;
		SET(user->holder, values[1]);
		SET(user->lease_digest, values[2]);
		user->lease_expires_ms = now_ms + life_ms;
		user->lease_started_ms = now_ms;
		new_row(out);
		put(out, "taken");
	} else if (refused) {
		new_row(out);
		put(out, "refused");
	}
	return true;
}

static bool
run_token_read(const char *const *values, struct table *out)
{
	const struct user_row *user = tables_user(values[0]);

	if (user == NULL)
		return true;
	new_row(out);
	put_user(out, user);
	return true;
}

static bool
run_token_store(const char *const *values, struct table *out)
{
	struct user_row *user = tables_user(values[0]);
	bool stored = user != NULL && same(user->refresh, values[1]);

	if (stored) {
		SET(user->access, values[2]);
		SET(user->refresh, values[3]);
		user->expires_ms = tables_now_ms() + 1000 * strtoll(values[4], NULL, 10);
		user->refresh_expires_ms = tables_now_ms() + INT64_C(90) * 24 * 3600 * 1000;
	}
	return answer(out, stored);
}

static bool
run_token_release(const char *const *values, struct table *out)
{
	struct user_row *user = tables_user(values[0]);

	(void)out;
	if (user != NULL && user->has_lease && same(user->holder, values[1]) && !user->is_refused)
		user->has_lease = false;
	return true;
}

static bool
run_token_refused(const char *const *values, struct table *out)
{
	struct user_row *user = tables_user(values[0]);

	(void)out;
	if (user != NULL && user->has_lease && same(user->holder, values[1])) {
		user->is_refused = true;
		user->lease_expires_ms = tables_now_ms();
	}
	return true;
}

static bool
run_token_dead(const char *const *values, struct table *out)
{
	for (int i = 0; i < tables.post_count && out->rows < ROWS_MOST; i++) {
		struct post_row *post = &tables.posts[i];

		if (!same(post->user_id, values[0]) || post->status != ROW_SCHEDULED ||
		    same(post->id, values[2]))
			continue;
		post->status = ROW_DRAFT;
		SET(post->error, values[1]);
		post->updated_ms = tables_now_ms();
		post->taken_back_ms = tables_now_ms();
		new_row(out);
		put(out, post->id);
	}
	return true;
}

static bool
run_nothing(const char *const *values, struct table *out)
{
	(void)values;
	(void)out;
	return true;
}

/* Whether transactions are read-only. */
static bool
run_probe(const char *const *values, struct table *out)
{
	(void)values;
	new_row(out);
	put(out, "off");
	return true;
}

static const struct statement {
	const char *name;
	bool (*run)(const char *const *values, struct table *out);
} statements[] = {
	{"begin", run_begin},
	{"adopt", run_adopt},
	{"submitted", run_submitted},
	{"publishing", run_publishing},
	{"release", run_release},
	{"failed", run_failed},
	{"reject", run_reject},
	{"outcome", run_outcome},
	{"twins", run_twins},
	{"used_posts", run_used_posts},
	{"release_dead", run_release_dead},
	{"overdue", run_overdue},
	{"keep_locks", run_keep_locks},
	{"forget_steps", run_nothing},
	{"probe", run_probe},
	{"token_lease", run_token_lease},
	{"token_read", run_token_read},
	{"token_store", run_token_store},
	{"token_release", run_token_release},
	{"token_refused", run_token_refused},
	{"token_dead", run_token_dead},
};

static bool
run_model(const char *name, const char *const *values, struct table *out, const char **sqlstate)
{
	const char *plain = name + strlen("publisher_");

	*out = (struct table){.rows = 0};
	*sqlstate = "";
	if (strcmp(plain, "published") == 0)
		return run_published(values, out, sqlstate);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		if (strcmp(statements[i].name, plain) == 0)
			return statements[i].run(values, out);
	}
	fprintf(stderr, "simulator: its PostgreSQL does not know %s\n", name);
	abort();
}

bool
tables_run(const char *name, int count, const char *const *values, struct table *out,
	   const char **sqlstate)
{
	bool ran;

	mirror_before_statement();
	ran = run_model(name, values, out, sqlstate);
	mirror_after_statement(name, count, values, out, *sqlstate);
	return ran;
}

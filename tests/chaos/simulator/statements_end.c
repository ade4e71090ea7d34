/*
 * statements_end.c - release.sql, failed.sql, reject.sql.   [simulator]
 */
#include "tests/chaos/simulator/statement.h"

#include <cjson/cJSON.h>

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

bool
run_release(const char *const *values, struct table *out)
{
	struct post_row *post = row_fenced(values);
	struct file_row *refused = post == NULL ? NULL : row_file(post, values[6]);
	int64_t now_ms = tables_now_ms();
	bool unknown = false, partly, in_work, stays, came_publishing;

	if (post == NULL)
		return table_answer(out, false);
	for (int i = 0; i < post->file_count; i++) {
		const struct file_row *f = &post->files[i];

		if (f->has_journal && f->state == ITEM_PUBLISHING &&
		    !(f == refused && f->asks <= 1 && f->public_since_ms == 0))
			unknown = true;
	}
	partly = row_has_item_in(post, ITEM_PUBLISHED);
	came_publishing = post->has_journal && text_same(post->came_as, "publishing");
	in_work = post->status == ROW_UPLOADING || post->status == ROW_PUBLISHING;
	stays = unknown || (partly && in_work);
	if (in_work && !unknown)
		row_due_now(post);
	release_status(post, stays, came_publishing);
	if (stays)
		post->locked_ms = now_ms;
	else
		row_unlock(post);
	if (values[2] != NULL)
		SET(post->error, values[2]);
	if (value_is_true(values[4])) {
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
		if (value_is_true(values[4]))
			post->crashes = 0;
		if (values[3] != NULL)
			count_retry(post, values[3]);
		if (value_is_true(values[5]) && post->refused_ms == 0)
			post->refused_ms = now_ms;
	}
	return table_answer(out, true);
}

static void
settle_failed_file(struct file_row *file, const char *forget, const char *refused)
{
	if (!file->has_journal)
		return;
	if (text_same(file->id, forget) && file->state != ITEM_PUBLISHED) {
		file->has_journal = false;
		return;
	}
	if (file->state != ITEM_PUBLISHING || file->public_since_ms != 0 ||
	    text_same(file->id, forget))
		return;
	file->looks = 0;
	if (!text_same(file->id, refused)) {
		file->asks = 1;
		return;
	}
	if (file->asks <= 1) {
		file->state = ITEM_SUBMITTED;
		file->first_ms = 0;
	}
	file->asks--;
}

bool
run_failed(const char *const *values, struct table *out)
{
	struct post_row *post = row_fenced(values);

	if (post == NULL || (post->status != ROW_UPLOADING && post->status != ROW_PUBLISHING &&
			     post->status != ROW_SCHEDULED && post->status != ROW_FAILED))
		return table_answer(out, false);
	post->status = ROW_FAILED;
	SET(post->error, values[2]);
	post->retry_count++;
	post->failures++;
	post->may_run_failed = false;
	row_unlock(post);
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
	return table_answer(out, true);
}

bool
run_reject(const char *const *values, struct table *out)
{
	struct post_row *post = tables_post(values[0]);
	int64_t now_ms = tables_now_ms();

	if (post == NULL || !text_same(post->user_id, values[1]) ||
	    !(post->lock[0] == '\0' || post->locked_ms == 0 ||
	      post->locked_ms < now_ms - HALF_AN_HOUR_MS ||
	      lock_is_of_job(post->lock, values[3])) ||
	    (post->status != ROW_SCHEDULED && post->status != ROW_UPLOADING &&
	     post->status != ROW_PUBLISHING && post->status != ROW_FAILED))
		return table_answer(out, false);
	post->status = ROW_FAILED;
	SET(post->error, values[2]);
	row_unlock(post);
	post->retry_count++;
	post->failures++;
	post->updated_ms = now_ms;
	return table_answer(out, true);
}

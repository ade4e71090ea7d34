/*
 * statements_work.c - adopt.sql, submitted.sql, publishing.sql, published.sql.   [simulator]
 */
#include "tests/chaos/simulator/statement.h"

#include <stdlib.h>
#include <string.h>

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

bool
run_adopt(const char *const *values, struct table *out)
{
	struct post_row *post = row_fenced(values);
	struct file_row *file = post == NULL ? NULL : row_file(post, values[2]);

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

bool
run_submitted(const char *const *values, struct table *out)
{
	struct post_row *post = row_fenced(values);
	struct file_row *file = post == NULL ? NULL : row_file(post, values[2]);
	bool item = file != NULL && (!file->has_journal || file->state == ITEM_SUBMITTED);

	if (post == NULL)
		return table_answer_item(out, false, false);
	if (value_is_true(values[5]))
		SET(post->stash_item, values[3]);
	post->locked_ms = post->updated_ms = tables_now_ms();
	if (!item)
		return table_answer_item(out, true, false);
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
	return table_answer_item(out, true, true);
}

/* first_ms 0: no file was as expected. */
static bool
answer_publishing(struct table *out, bool fence, int64_t first_ms)
{
	table_answer_item(out, fence, first_ms != 0);
	if (first_ms == 0)
		table_put(out, NULL);
	else
		table_put_number(out, whole_seconds(first_ms));
	return true;
}

bool
run_publishing(const char *const *values, struct table *out)
{
	struct post_row *post = row_fenced(values);
	struct file_row *file = post == NULL ? NULL : row_file(post, values[2]);
	int64_t now_ms = tables_now_ms();
	bool item;

	if (post == NULL)
		return answer_publishing(out, false, 0);
	if (post->status != ROW_UPLOADING && post->status != ROW_PUBLISHING &&
	    post->status != ROW_FAILED && post->status != ROW_SCHEDULED) {
		row_unlock(post);
		post->updated_ms = now_ms;
		post->open_claim[0] = '\0';
		return answer_publishing(out, false, 0);
	}
	post->status = ROW_PUBLISHING;
	post->locked_ms = post->updated_ms = now_ms;
	item = file != NULL && file->has_journal && text_same(file->item, values[3]) &&
	       text_same(item_state_names[file->state], values[4]);
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
			    text_same(other->published_id, id))
				return true;
		}
	}
	return false;
}

bool
run_published(const char *const *values, struct table *out, const char **sqlstate)
{
	struct post_row *post = row_fenced(values);
	struct file_row *file = post == NULL ? NULL : row_file(post, values[2]);
	int64_t now_ms = tables_now_ms();
	bool last = value_is_true(values[7]);

	if (post == NULL)
		return table_answer(out, false);
	if (file != NULL && file->has_journal && values[3] != NULL &&
	    id_is_taken(file, values[3])) {
		*sqlstate = "23505";
		return false;
	}
	/* deviations.deviation_id is unique as well. */
	for (int i = 0; last && values[5] != NULL && i < tables.post_count; i++) {
		if (&tables.posts[i] != post &&
		    text_same(tables.posts[i].deviation_id, values[5])) {
			*sqlstate = "23505";
			return false;
		}
	}
	if (last) {
		row_unlock(post);
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
	if (last && value_is_true(values[11]) && !post->is_stash_only && post->wants_sale &&
	    post->sales == 0)
		post->sales = 1;
	return table_answer(out, true);
}

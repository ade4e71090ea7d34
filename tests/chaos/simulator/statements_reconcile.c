/*
 * statements_reconcile.c - outcome.sql, twins.sql, used_posts.sql, own_post.sql.   [simulator]
 */
#include "tests/chaos/simulator/statement.h"

#include <cjson/cJSON.h>
#include <string.h>

bool
run_outcome(const char *const *values, struct table *out)
{
	struct post_row *post = row_fenced(values);
	struct file_row *file = post == NULL ? NULL : row_file(post, values[2]);
	int64_t now_ms = tables_now_ms();
	bool item = file != NULL && file->has_journal && file->state == ITEM_PUBLISHING;

	if (post == NULL)
		return table_answer_item(out, false, false);
	post->locked_ms = post->updated_ms = now_ms;
	if (item) {
		if (value_is_true(values[3]) && file->public_since_ms == 0)
			file->public_since_ms = now_ms;
		file->item_gone = file->item_gone || value_is_true(values[4]);
		file->looks += value_is_true(values[5]);
	}
	return table_answer_item(out, true, item);
}

bool
run_twins(const char *const *values, struct table *out)
{
	for (int i = 0; i < tables.post_count; i++) {
		const struct post_row *post = &tables.posts[i];

		for (int f = 0; f < post->file_count; f++) {
			const struct file_row *file = &post->files[f];

			if (!text_same(post->user_id, values[0]) || !file->has_journal ||
			    file->state != ITEM_PUBLISHING ||
			    (text_same(post->id, values[1]) && text_same(file->id, values[2])) ||
			    out->rows == ROWS_MOST)
				continue;
			table_new_row(out);
			table_put(out, file->title[0] != '\0' ? file->title : post->title);
			table_put_number(out, file->size_bytes);
			table_put_number(out, file->looks > 0);
		}
	}
	return true;
}

bool
run_used_posts(const char *const *values, struct table *out)
{
	cJSON *ids = cJSON_Parse(values[0]);
	const cJSON *id;

	cJSON_ArrayForEach(id, ids)
	{
		bool used = false;

		for (int i = 0; i < tables.post_count; i++) {
			const struct post_row *post = &tables.posts[i];
			bool own = text_same(post->id, values[1]);

			used = used || (!own && text_same(post->deviation_id, id->valuestring));
			for (int f = 0; f < post->file_count; f++)
				used = used ||
				       (post->files[f].has_journal &&
					!(own && text_same(post->files[f].id, values[2])) &&
					text_same(post->files[f].published_id, id->valuestring));
		}
		if (used && out->rows < ROWS_MOST) {
			table_new_row(out);
			table_put(out, id->valuestring);
		}
	}
	cJSON_Delete(ids);
	return true;
}

bool
run_own_post(const char *const *values, struct table *out)
{
	const struct post_row *last = NULL;
	const char *found = NULL;

	for (int i = 0; i < tables.post_count; i++) {
		const struct post_row *post = &tables.posts[i];

		for (int f = 0; f < post->file_count; f++) {
			const struct file_row *file = &post->files[f];

			if (!text_same(post->user_id, values[0]) || !file->has_journal ||
			    file->published_id[0] == '\0' ||
			    (text_same(post->id, values[1]) && text_same(file->id, values[2])))
				continue;
			if (last == NULL || post->published_ms > last->published_ms ||
			    (post->published_ms == last->published_ms &&
			     strcmp(file->published_id, found) < 0)) {
				last = post;
				found = file->published_id;
			}
		}
	}
	if (found != NULL) {
		table_new_row(out);
		table_put(out, found);
	}
	return true;
}

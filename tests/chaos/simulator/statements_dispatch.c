/*
 * statements_dispatch.c - release_dead.sql, overdue.sql, keep_locks.sql.   [simulator]
 */
#include "tests/chaos/simulator/statement.h"

#include <cjson/cJSON.h>
#include <string.h>

/* ---- the dispatcher's: release_dead.sql, overdue.sql, keep_locks.sql ---- */

static bool
is_listed(const cJSON *ids, const char *text)
{
	const cJSON *id;

	cJSON_ArrayForEach(id, ids)
	{
		if (text_same(cJSON_GetStringValue(id), text))
			return true;
	}
	return false;
}

bool
run_release_dead(const char *const *values, struct table *out)
{
	cJSON *ids = cJSON_Parse(values[0]);
	const char *token = values[1];
	int64_t now_ms = tables_now_ms();
	char holder[256];

	(void)out;
	for (int i = 0; i < tables.user_count; i++) {
		struct user_row *user = &tables.users[i];

		if (user->has_lease && text_same(user->holder, token) &&
		    user->lease_expires_ms > now_ms)
			user->lease_expires_ms = now_ms;
	}
	for (int i = 0; i < tables.post_count; i++) {
		struct post_row *post = &tables.posts[i];
		bool listed = is_listed(ids, post->id);

		if (listed && post->has_journal &&
		    text_same(lock_part(post->open_claim, 3, holder), token)) {
			post->crashes += text_same(values[2], "true");
			post->open_claim[0] = '\0';
		}
		if (!listed || !text_starts_with(post->lock, PREFIX) ||
		    !text_same(lock_part(post->lock, 3, holder), token) ||
		    row_has_item_in(post, ITEM_PUBLISHING) || row_has_item_in(post, ITEM_PUBLISHED))
			continue;
		row_unlock(post);
		if (post->status == ROW_UPLOADING) {
			row_due_now(post);
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
		text_starts_with(post->lock, PREFIX));
}

bool
run_overdue(const char *const *values, struct table *out)
{
	for (int i = 0; i < tables.post_count && out->rows < ROWS_MOST; i++) {
		const struct post_row *post = &tables.posts[i]; /* in the order of their ids */

		if (strcmp(post->id, values[1]) <= 0 ||
		    (values[2] != NULL && !text_same(post->id, values[2])) || !is_overdue(post))
			continue;
		table_new_row(out);
		table_put(out, post->id);
		table_put(out, post->user_id);
		table_put(out, post->is_multiple ? "multiple" : "single");
		table_put(out, row_status_names[post->status]);
		table_put_bool(out, post->has_journal);
	}
	return true;
}

bool
run_keep_locks(const char *const *values, struct table *out)
{
	int64_t now_ms = tables_now_ms();

	(void)values;
	(void)out;
	for (int i = 0; i < tables.post_count; i++) {
		struct post_row *post = &tables.posts[i];

		if (text_starts_with(post->lock, PREFIX) &&
		    post->locked_ms < now_ms - 10 * 60 * 1000 && post->status == ROW_PUBLISHING &&
		    (row_has_item_in(post, ITEM_PUBLISHING) ||
		     row_has_item_in(post, ITEM_PUBLISHED)))
			post->locked_ms = post->updated_ms = now_ms;
	}
	return true;
}

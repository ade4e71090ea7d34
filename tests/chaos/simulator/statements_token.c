/*
 * statements_token.c - token_*.sql.   [simulator]
 */
#include "tests/chaos/simulator/statement.h"

#include <stdlib.h>
#include <string.h>

/* ---- tokens ---- */

bool
run_token_lease(const char *const *values, struct table *out)
{
	struct user_row *user = tables_user(values[0]);
	int64_t now_ms = tables_now_ms(), life_ms = strtoll(values[3], NULL, 10);
	bool refused;

	if (user == NULL)
		return true;
	refused = user->has_lease && user->is_refused && text_same(user->lease_digest, values[2]) &&
		  user->lease_started_ms > now_ms - 10 * 60 * 1000;
	if (!user->has_lease ||
	    ((user->lease_expires_ms < now_ms || text_same(user->holder, values[1])) && !refused)) {
		user->has_lease = true;
		user->is_refused = false;
		SET(user->holder, values[1]);
		SET(user->lease_digest, values[2]);
		user->lease_expires_ms = now_ms + life_ms;
		user->lease_started_ms = now_ms;
		table_new_row(out);
		table_put(out, "taken");
	} else if (refused) {
		table_new_row(out);
		table_put(out, "refused");
	}
	return true;
}

bool
run_token_read(const char *const *values, struct table *out)
{
	const struct user_row *user = tables_user(values[0]);

	if (user == NULL)
		return true;
	table_new_row(out);
	table_put_user(out, user);
	return true;
}

bool
run_token_store(const char *const *values, struct table *out)
{
	struct user_row *user = tables_user(values[0]);
	bool stored = user != NULL && text_same(user->refresh, values[1]);

	if (stored) {
		SET(user->access, values[2]);
		SET(user->refresh, values[3]);
		user->expires_ms = tables_now_ms() + 1000 * strtoll(values[4], NULL, 10);
		user->refresh_expires_ms = tables_now_ms() + INT64_C(90) * 24 * 3600 * 1000;
	}
	return table_answer(out, stored);
}

bool
run_token_release(const char *const *values, struct table *out)
{
	struct user_row *user = tables_user(values[0]);

	(void)out;
	if (user != NULL && user->has_lease && text_same(user->holder, values[1]) &&
	    !user->is_refused)
		user->has_lease = false;
	return true;
}

bool
run_token_refused(const char *const *values, struct table *out)
{
	struct user_row *user = tables_user(values[0]);

	(void)out;
	if (user != NULL && user->has_lease && text_same(user->holder, values[1])) {
		user->is_refused = true;
		user->lease_expires_ms = tables_now_ms();
	}
	return true;
}

bool
run_token_dead(const char *const *values, struct table *out)
{
	for (int i = 0; i < tables.post_count && out->rows < ROWS_MOST; i++) {
		struct post_row *post = &tables.posts[i];

		if (!text_same(post->user_id, values[0]) || post->status != ROW_SCHEDULED ||
		    text_same(post->id, values[2]))
			continue;
		post->status = ROW_DRAFT;
		SET(post->error, values[1]);
		post->updated_ms = tables_now_ms();
		post->taken_back_ms = tables_now_ms();
		table_new_row(out);
		table_put(out, post->id);
	}
	return true;
}

/*
 * statement.c - what the statements of worker/sql/ have in common: answers and conditions.
 * [simulator]
 */
#include "tests/chaos/simulator/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file_row *
row_file(struct post_row *post, const char *id)
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

void
table_put(struct table *out, const char *text)
{
	char *copy = text == NULL ? NULL : strdup(text);

	if (text != NULL && copy == NULL)
		abort();
	out->values[out->rows - 1][out->columns++] = copy;
}

/* "" is NULL here. */
void
table_put_text(struct table *out, const char *text)
{
	table_put(out, text[0] == '\0' ? NULL : text);
}

void
table_put_number(struct table *out, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	table_put(out, text);
}

void
table_put_bool(struct table *out, bool value)
{
	table_put(out, value ? "t" : "f");
}

void
table_new_row(struct table *out)
{
	out->rows++;
	out->columns = 0;
}

/* What most statements answer: whether the fence held, and perhaps the file. */
bool
table_answer(struct table *out, bool fence)
{
	table_new_row(out);
	table_put_number(out, fence);
	return true;
}

bool
table_answer_item(struct table *out, bool fence, bool item)
{
	table_answer(out, fence);
	table_put_number(out, item);
	return true;
}

void
table_put_user(struct table *out, const struct user_row *user)
{
	table_put(out, user == NULL ? NULL : user->access);
	table_put(out, user == NULL ? NULL : user->refresh);
	table_put_number(out, user == NULL ? 0 : user->expires_ms - tables_now_ms());
	table_put_number(out, user == NULL ? 0 : user->refresh_expires_ms - tables_now_ms());
}

/* As PostgreSQL makes whole seconds of a time: to the nearest. */
int64_t
whole_seconds(int64_t ms)
{
	return (ms + 500) / 1000;
}

/* ---- conditions that several have ---- */

bool
value_is_true(const char *value)
{
	return value != NULL && strcmp(value, "true") == 0;
}

void
text_set(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text != NULL ? text : "");
}

bool
text_same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

bool
text_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* split_part(lock, '|', n); "" where there is none. */
const char *
lock_part(const char *lock, int n, char out[256])
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

bool
lock_is_of_job(const char *lock, const char *job_id)
{
	size_t size = strlen(lock), id_size = strlen(job_id);

	return text_starts_with(lock, PREFIX) && size > id_size &&
	       lock[size - id_size - 1] == '|' && strcmp(lock + size - id_size, job_id) == 0;
}

struct post_row *
row_fenced(const char *const *values)
{
	struct post_row *post = tables_post(values[0]);

	return post != NULL && text_same(post->lock, values[1]) && post->lock[0] != '\0' ? post
											 : NULL;
}

void
row_unlock(struct post_row *post)
{
	post->lock[0] = '\0';
	post->locked_ms = 0;
}

bool
row_has_item_in(const struct post_row *post, int state)
{
	for (int i = 0; i < post->file_count; i++) {
		if (post->files[i].has_journal && (int)post->files[i].state == state)
			return true;
	}
	return false;
}

void
row_due_now(struct post_row *post)
{
	if (!post->is_due_known || post->due_ms > tables_now_ms())
		post->due_ms = tables_now_ms();
	post->is_due_known = true;
}

/*
 * mirror_rows.c - the model's rows as text and as SQL, for the mirror.    [simulator]
 *
 * A line names its table and every column that the model has. Not in it: the trail (steps), and
 * times that nobody decides by (created_at, last_retry_at, publisher.*.updated_at, ...).
 */
#include "tests/chaos/simulator/mirror_rows.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/tables.h"

#define LINES_MOST  64
#define COUNTS_MOST 16
#define VALUES_MOST 20

static struct tables known;

/* ---- as text ---- */

const char mirror_rows_query[] =
	"SELECT string_agg(line, E'\\n' ORDER BY line COLLATE \"C\") FROM ("
	"SELECT concat_ws('~', 'row', id, status, coalesce(execution_lock_id, ''),"
	" ms(execution_locked_at), execution_version, ms(actual_publish_at), ms(updated_at),"
	" ms(published_at), coalesce(stash_item_id, ''), coalesce(deviation_id, ''),"
	" coalesce(deviation_url, ''), coalesce(error_message, ''), retry_count,"
	" post_count_incremented,"
	" (SELECT count(*) FROM sale_queue s WHERE s.deviation_id = d.id)) AS line"
	" FROM deviations d "
	"UNION ALL "
	"SELECT concat_ws('~', 'post', deviation_id, coalesce(open_claim, ''),"
	" coalesce(came_as, ''), crashes, stalls, coalesce((SELECT string_agg(key || '=' || value,"
	" ',' ORDER BY key COLLATE \"C\") FROM jsonb_each_text(retries)), ''),"
	" coalesce(failed_job, ''), ms(first_refused_at)) FROM publisher.posts "
	"UNION ALL "
	"SELECT concat_ws('~', 'file', deviation_id, file_id, stash_item_id, digest,"
	" coalesce(title, ''), state, uploads, ms(submitted_at), ms(publish_first_at),"
	" ms(publish_last_at), asks, ms(public_since), looks, item_gone,"
	" coalesce(published_deviation_id, ''), coalesce(url, '')) FROM publisher.files "
	"UNION ALL "
	"SELECT concat_ws('~', 'user', id, access_token, refresh_token, ms(token_expires_at),"
	" ms(refresh_token_expires_at)) FROM users "
	"UNION ALL "
	"SELECT concat_ws('~', 'lease', user_id, holder, ms(expires_at), refresh_token_digest,"
	" refused, ms(started_at)) FROM publisher.token_leases) AS lines";

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *
text_bool(bool value)
{
	return value ? "t" : "f";
}

/* "CATEGORY=count,..." in order. */
static void
print_retries(FILE *out, const char *json)
{
	cJSON *counts = cJSON_Parse(json);
	char *lines[COUNTS_MOST] = {NULL};
	const cJSON *count;
	int used = 0;

	cJSON_ArrayForEach(count, counts)
	{
		if (used == COUNTS_MOST ||
		    asprintf(&lines[used++], "%s=%d", count->string, count->valueint) < 0)
			abort();
	}
	qsort(lines, (size_t)used, sizeof(lines[0]), compare_texts);
	for (int i = 0; i < used; i++) {
		fprintf(out, "%s%s", i > 0 ? "," : "", lines[i]);
		free(lines[i]);
	}
	cJSON_Delete(counts);
}

static void
print_row(FILE *out, const struct post_row *p)
{
	fprintf(out, "row~%s~%s~%s~%lld~%lld~%lld~%lld~%lld~%s~%s~%s~%s~%d~%s~%d", p->id,
		row_status_names[p->status], p->lock, (long long)p->locked_ms,
		(long long)p->version, p->is_due_known ? (long long)p->due_ms : 0,
		(long long)p->updated_ms, (long long)p->published_ms, p->stash_item,
		p->deviation_id, p->url, p->error, p->retry_count, text_bool(p->post_counted),
		p->sales);
}

static void
print_post(FILE *out, const struct post_row *p)
{
	fprintf(out, "post~%s~%s~%s~%d~%d~", p->id, p->open_claim, p->came_as, p->crashes,
		p->stalls);
	print_retries(out, p->retries);
	fprintf(out, "~%s~%lld", p->failed_job, (long long)p->refused_ms);
}

static void
print_file(FILE *out, const struct post_row *p, const struct file_row *f)
{
	fprintf(out, "file~%s~%s~%s~%s~%s~%s~%d~%lld~%lld~%lld~%d~%lld~%d~%s~%s~%s", p->id, f->id,
		f->item, f->digest, f->title, item_state_names[f->state], f->uploads,
		(long long)f->submitted_ms, (long long)f->first_ms, (long long)f->last_ms, f->asks,
		(long long)f->public_since_ms, f->looks, text_bool(f->item_gone), f->published_id,
		f->url);
}

static void
print_user(FILE *out, const struct user_row *u)
{
	fprintf(out, "user~%s~%s~%s~%lld~%lld", u->id, u->access, u->refresh,
		(long long)u->expires_ms, (long long)u->refresh_expires_ms);
}

static void
print_lease(FILE *out, const struct user_row *u)
{
	fprintf(out, "lease~%s~%s~%lld~%s~%s~%lld", u->id, u->holder,
		(long long)u->lease_expires_ms, u->lease_digest, text_bool(u->is_refused),
		(long long)u->lease_started_ms);
}

/* The lines, each ended by a newline, in the order of the tables. */
static char *
print_tables(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		abort();
	for (int i = 0; i < tables.post_count; i++) {
		const struct post_row *post = &tables.posts[i];

		print_row(out, post);
		putc('\n', out);
		for (int f = 0; f < post->file_count; f++) {
			if (!post->files[f].has_journal)
				continue;
			print_file(out, post, &post->files[f]);
			putc('\n', out);
		}
		if (!post->has_journal)
			continue;
		print_post(out, post);
		putc('\n', out);
	}
	for (int i = 0; i < tables.user_count; i++) {
		print_user(out, &tables.users[i]);
		putc('\n', out);
		if (!tables.users[i].has_lease)
			continue;
		print_lease(out, &tables.users[i]);
		putc('\n', out);
	}
	if (fclose(out) != 0)
		abort();
	return text;
}

char *
mirror_rows_text(void)
{
	char *text = print_tables(), *rest = text, *line, *lines[LINES_MOST];
	char *sorted = malloc(strlen(text) + 1), *end = sorted;
	int count = 0;

	if (sorted == NULL)
		abort();
	while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
		if (count == LINES_MOST)
			abort();
		lines[count++] = line;
	}
	qsort(lines, (size_t)count, sizeof(lines[0]), compare_texts);
	for (int i = 0; i < count; i++) {
		if (i > 0)
			*end++ = '\n';
		end = mempcpy(end, lines[i], strlen(lines[i]));
	}
	*end = '\0';
	free(text);
	return sorted;
}

/* ---- as SQL ---- */

struct values {
	int count;
	const char *value[VALUES_MOST];
	char numbers[VALUES_MOST][24];
};

static void
add(struct values *values, const char *text)
{
	if (values->count == VALUES_MOST)
		abort();
	values->value[values->count++] = text;
}

static void
add_number(struct values *values, int64_t number)
{
	char *text = values->numbers[values->count];

	snprintf(text, sizeof(values->numbers[0]), "%lld", (long long)number);
	add(values, text);
}

static bool
run(PGconn *connection, const char *sql, const struct values *values)
{
	PGresult *result =
		PQexecParams(connection, sql, values->count, NULL, values->value, NULL, NULL, 0);
	bool ran = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	return ran;
}

/* A user of the model sells what his automation puts on sale. */
static bool
write_user(PGconn *connection, const struct user_row *user)
{
	struct values values = {0}, id = {0};

	add(&values, user->id);
	add(&values, user->access);
	add(&values, user->refresh);
	add_number(&values, user->expires_ms);
	add_number(&values, user->refresh_expires_ms);
	add(&id, user->id);
	return run(connection,
		   "INSERT INTO users (id, deviantart_id, username, access_token, refresh_token,"
		   " token_expires_at, refresh_token_expires_at)"
		   " VALUES ($1, $1, $1, $2, $3, at($4), at($5)) ON CONFLICT (id) DO UPDATE"
		   " SET access_token = $2, refresh_token = $3, token_expires_at = at($4),"
		   " refresh_token_expires_at = at($5)",
		   &values) &&
	       run(connection,
		   "INSERT INTO price_presets (id, user_id, name, price) VALUES ($1, $1, 'sale', "
		   "100)"
		   " ON CONFLICT DO NOTHING",
		   &id) &&
	       run(connection,
		   "INSERT INTO automations (id, user_id, name, auto_add_to_sale_queue,"
		   " sale_queue_preset_id) VALUES ($1, $1, 'sale', true, $1) ON CONFLICT DO "
		   "NOTHING",
		   &id);
}

/* What the model takes for granted of a row is here: what begin.sql gives out of it. */
static bool
make_row(PGconn *connection, const struct post_row *post)
{
	struct values values = {0};

	add(&values, post->id);
	add(&values, post->user_id);
	add(&values, post->title);
	add(&values, post->is_multiple ? "multiple" : "single");
	add(&values, text_bool(post->is_stash_only));
	add(&values, post->wants_sale ? post->user_id : NULL);
	return run(connection,
		   "INSERT INTO deviations (id, user_id, title, upload_mode, stash_only,"
		   " automation_id, description, tags, gallery_ids) VALUES ($1, $2, $3,"
		   " $4::\"UploadMode\", $5, $6, '', '{one,two}', '{}') ON CONFLICT DO NOTHING",
		   &values);
}

static bool
make_file(PGconn *connection, const struct post_row *post, int number)
{
	const struct file_row *file = &post->files[number];
	struct values values = {0};

	add(&values, file->id);
	add(&values, post->id);
	add(&values, file->name);
	add(&values, file->key);
	add(&values, file->type);
	add_number(&values, file->size_bytes);
	add_number(&values, number);
	return run(connection,
		   "INSERT INTO deviation_files (id, deviation_id, original_filename, storage_key,"
		   " storage_url, mime_type, file_size, sort_order)"
		   " VALUES ($1, $2, $3, $4, '', $5, $6, $7) ON CONFLICT DO NOTHING",
		   &values);
}

static bool
write_row(PGconn *connection, const struct post_row *post)
{
	struct values values = {0};
	bool made = make_row(connection, post);

	for (int i = 0; made && i < post->file_count; i++)
		made = make_file(connection, post, i);
	add(&values, post->id);
	add(&values, row_status_names[post->status]);
	add(&values, post->lock);
	add_number(&values, post->locked_ms);
	add_number(&values, post->is_due_known ? post->due_ms : 0);
	add_number(&values, post->updated_ms);
	add(&values, post->error);
	add(&values, post->stash_item);
	return made && run(connection,
			   "UPDATE deviations SET status = $2::\"DeviationStatus\","
			   " execution_lock_id = nullif($3, ''), execution_locked_at = at($4),"
			   " actual_publish_at = at($5), updated_at = at($6),"
			   " error_message = nullif($7, ''), stash_item_id = nullif($8, '')"
			   " WHERE id = $1",
			   &values);
}

void
mirror_rows_remember(void)
{
	known = tables;
}

/* Bytes that mean nothing may differ, too: then the same is written once more. */
static bool
differ(const void *a, const void *b, size_t size)
{
	return memcmp(a, b, size) != 0;
}

bool
mirror_rows_write_changes(PGconn *connection)
{
	bool written = true;

	for (int i = 0; written && i < tables.user_count; i++) {
		if (differ(&known.users[i], &tables.users[i], sizeof(known.users[i])))
			written = write_user(connection, &tables.users[i]);
	}
	for (int i = 0; written && i < tables.post_count; i++) {
		if (differ(&known.posts[i], &tables.posts[i], sizeof(known.posts[i])))
			written = write_row(connection, &tables.posts[i]);
	}
	return written;
}

bool
mirror_rows_clear(PGconn *connection)
{
	static const char *const all[] = {
		"DELETE FROM publisher.posts", "DELETE FROM publisher.files",
		"DELETE FROM publisher.token_leases", "DELETE FROM publisher.steps",
		/* What hangs on it goes with it; the users' presets and automations with them. */
		"DELETE FROM deviations", "DELETE FROM users"};
	const struct values none = {0};
	bool cleared = true;

	memset(&known, 0, sizeof(known));
	for (size_t i = 0; cleared && i < sizeof(all) / sizeof(all[0]); i++)
		cleared = run(connection, all[i], &none);
	return cleared;
}

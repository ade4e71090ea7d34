/*
 * retry.c - the command retry: one post after another, the row first and then its job. [commands]
 *
 * Whatever is known when a post is looked at, the row is written only where it is still so
 * (sql/retry.sql), and its job is claimed like any other: what was published, or may be, is found
 * by that claim.
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_memory.h"
#include "common/postgres.h"
#include "common/queue/queue.h"
#include "worker/explain/complaint.h"
#include "worker/explain/reading.h"
#include "worker/explain/words.h"
#include "worker/hands/hands.h"
#include "worker/hands/output.h"
#include "worker/hands/servers.h"
#include "worker/hands/verdict.h"
#include "worker/job_data.h"
#include "worker/journal.h"
#include "worker/producer.h"

#define PAGE      "200"
#define PAGE_ROWS 200
#define LOOKS_MOST                                                                                 \
	20 /* at a job that ends at this moment, or a row that changes under our eyes              \
	    */
#define LOOK_AGAIN_MS 100

static const char retry_sql[] =
#include "worker/sql/retry.sql.h"
	;
static const char retry_failed_sql[] =
#include "worker/sql/retry_failed.sql.h"
	;
static const struct postgres_statement retry_row = {.name = "publisher_retry", .sql = retry_sql};
static const struct postgres_statement retry_failed = {.name = "publisher_retry_failed",
						       .sql = retry_failed_sql};

struct retrying {
	struct servers servers;
	bool json;
	cJSON *posts; /* json: what was said of each */
	int64_t retried, waiting, refused;
	int away; /* exit status of a server that went away; 0: none did */
};

/* ---- what is said ---- */

/* `id` is what it is called to the end; the deviation's own where that is known. */
static void
say(struct retrying *r, const char *id, enum verdict verdict, const char *name, const char *words)
{
	char shown[300], clean[VERDICT_TEXT_SIZE];

	words_clean(shown, sizeof(shown), id);
	words_clean(clean, sizeof(clean), words);
	if (verdict == VERDICT_GO)
		r->retried++;
	else if (verdict == VERDICT_WAITS)
		r->waiting++;
	else
		r->refused++;
	if (r->json) {
		cJSON *post = cJSON_CreateObject();

		cJSON_AddStringToObject(post, "id", shown);
		cJSON_AddStringToObject(post, "outcome", name);
		cJSON_AddStringToObject(post, "text", clean);
		cJSON_AddItemToArray(r->posts, post);
	} else if (verdict_refuses(verdict)) {
		fprintf(stderr, "isekai-publisher: deviation %s %s\n", shown, clean);
	} else {
		printf("deviation %s %s\n", shown, clean);
	}
}

static void
say_missing(struct retrying *r, const char *id)
{
	if (r->json) {
		say(r, id, VERDICT_COUNT, "not_found", "does not exist");
		return;
	}
	r->refused++;
	(void)complaint_of_id(id);
}

static bool
redis_failed(struct retrying *r, const struct failure *why)
{
	r->away = servers_redis_failed(why);
	return false;
}

static bool
postgres_failed(struct retrying *r, const struct failure *why)
{
	r->away = servers_postgres_failed(why);
	return false;
}

/* ---- one post ---- */

struct post {
	PGresult *row; /* what retry.sql said; its texts are borrowed below */
	char job_id[JOB_DATA_TEXT_MAX + 16], state[24];
	struct verdict_post is;
	const char *user_id, *upload_mode;
	bool changed; /* its row is due since then */
};

static bool
flag(const PGresult *row, int column)
{
	return PQgetvalue(row, 0, column)[0] == 't';
}

static int64_t
number(const PGresult *row, int column)
{
	return strtoll(PQgetvalue(row, 0, column), NULL, 10);
}

static void
take_row(struct post *post)
{
	enum { USER, MODE, STATUS, URL, DUE_IN, FILES, UNKNOWN, LOCKED, LOGIN_DEAD, NOW, CHANGED };
	const PGresult *row = post->row;

	post->user_id = PQgetvalue(row, 0, USER);
	post->upload_mode = PQgetvalue(row, 0, MODE);
	post->is.status = PQgetvalue(row, 0, STATUS);
	post->is.url = PQgetvalue(row, 0, URL);
	post->is.due_in_ms = number(row, DUE_IN);
	post->is.files = number(row, FILES);
	post->is.unknown = flag(row, UNKNOWN);
	post->is.locked = flag(row, LOCKED);
	post->is.login_dead = flag(row, LOGIN_DEAD);
	post->is.now_ms = number(row, NOW);
	post->changed = number(row, CHANGED) == 1;
}

/* The job first: what the row says after that is the truth. *found false: there is no such row. */
static bool
look(struct retrying *r, struct post *post, bool *found)
{
	char *lock = journal_lock(0, "retry", post->job_id);
	const char *values[] = {post->is.id, "false", lock};
	struct failure why;

	if (lock == NULL) {
		r->away = complaint_of_memory();
		return false;
	}
	if (!queue_job_state(r->servers.queue, post->job_id, post->state, &post->is.job_due_ms,
			     &why)) {
		free(lock);
		return redis_failed(r, &why);
	}
	if (!verdict_job_lives(post->state))
		values[1] = "true";
	PQclear(post->row);
	post->row = POSTGRES_RESULT(postgres_run(r->servers.postgres, &retry_row, 3, values, &why));
	free(lock);
	if (post->row == NULL)
		return postgres_failed(r, &why);
	post->is.state = post->state;
	*found = PQntuples(post->row) == 1;
	if (*found)
		take_row(post);
	return true;
}

/* Whether the next look may see something else: it was looked at in the middle of a change. */
static bool
is_changing(const struct post *post, enum verdict verdict)
{
	return verdict == VERDICT_ENDING ||
	       (verdict == VERDICT_GO && !post->changed && strcmp(post->is.status, "failed") == 0);
}

static bool
look_until_settled(struct retrying *r, struct post *post, bool *found, enum verdict *verdict)
{
	for (int looks = 0; looks < LOOKS_MOST; looks++) {
		if (looks > 0)
			(void)poll(NULL, 0, LOOK_AGAIN_MS);
		if (!look(r, post, found))
			return false;
		if (!*found)
			return true;
		*verdict = verdict_of(&post->is);
		if (!is_changing(post, *verdict))
			return true;
	}
	*verdict = VERDICT_ENDING;
	return true;
}

/* As BullMQ retries a job that it still has; else a new one, as `enqueue` adds it. A job that is
 * back already is as good. */
static bool
move_job(struct retrying *r, struct post *post)
{
	bool later = strcmp(post->is.status, "scheduled") == 0 && post->is.due_in_ms > 0;
	const struct producer_job job = {.deviation_id = post->is.id,
					 .user_id = post->user_id,
					 .upload_mode = post->upload_mode,
					 .delay_ms = later ? post->is.due_in_ms : 0,
					 .attempts = r->servers.config->max_attempts,
					 .replace_finished = true};
	enum queue_added added;
	struct failure why;
	char state[24];
	bool retried = false;

	if ((later || queue_reprocess(r->servers.queue, post->job_id, state, &retried, &why)) &&
	    (retried || producer_add(r->servers.queue, &job, &added, &why)))
		return true;
	if (post->changed && !r->json)
		fprintf(stderr,
			"isekai-publisher: the row of deviation %s is due, its job could not be "
			"moved; a publisher adds one within PUBLISHER_RECONCILE_INTERVAL_MS\n",
			post->is.id);
	return redis_failed(r, &why);
}

/* False: a server went away. */
static bool
retry_post(struct retrying *r, const char *id)
{
	struct post post = {.is = {.id = id}};
	enum verdict verdict = VERDICT_ENDING;
	char words[VERDICT_TEXT_SIZE];
	bool found = false, done;

	if (!producer_job_id(id, post.job_id, sizeof(post.job_id))) {
		say_missing(r, id);
		return true;
	}
	done = look_until_settled(r, &post, &found, &verdict);
	if (done && !found)
		say_missing(r, id);
	else if (done && (verdict != VERDICT_GO || (done = move_job(r, &post))))
		say(r, id, verdict, verdict_name(verdict), verdict_words(verdict, &post.is, words));
	PQclear(post.row);
	return done;
}

/* ---- those that were named ---- */

/* By any of its names. *reading: for all of them. */
static bool
retry_named(struct retrying *r, struct reading *reading, const char *name)
{
	struct ident ident;
	struct failure why;
	bool found = false, done;
	char *id;

	if (!ident_parse(name, &ident)) {
		say_missing(r, name);
		return true;
	}
	if (!reading_rows(reading, &ident, &found, &why))
		return postgres_failed(r, &why);
	if (!found) {
		say_missing(r, name);
		return true;
	}
	id = strdup(reading->facts.id);
	if (id == NULL) {
		r->away = complaint_of_memory();
		return false;
	}
	done = retry_post(r, id);
	free(id);
	return done;
}

static void
retry_all_named(struct retrying *r, int count, char *const *names)
{
	struct reading reading;
	struct failure why;
	bool done = reading_init(&reading, r->servers.config, &why);

	if (!done)
		r->away = complaint_of_memory();
	for (int i = 0; done && i < count; i++)
		done = retry_named(r, &reading, names[i]);
	reading_fini(&reading);
}

/* ---- all that have failed ---- */

/* *after: where the page began, and then where the next one does. */
static bool
retry_page(struct retrying *r, char **after, int *count)
{
	const char *const values[] = {*after, PAGE};
	struct failure why;
	PGresult *page =
		POSTGRES_RESULT(postgres_run(r->servers.postgres, &retry_failed, 2, values, &why));
	bool done = page != NULL;

	if (!done)
		return postgres_failed(r, &why);
	*count = PQntuples(page);
	for (int row = 0; done && row < *count; row++)
		done = retry_post(r, PQgetvalue(page, row, 0));
	if (done && *count > 0) {
		free(*after);
		*after = strdup(PQgetvalue(page, *count - 1, 0));
		if (*after == NULL) {
			r->away = complaint_of_memory();
			done = false;
		}
	}
	PQclear(page);
	return done;
}

static void
retry_all_failed(struct retrying *r)
{
	char *after = strdup("");
	int count = PAGE_ROWS;
	bool done = after != NULL;

	if (!done)
		r->away = complaint_of_memory();
	while (done && count == PAGE_ROWS)
		done = retry_page(r, &after, &count);
	free(after);
}

/* ---- the command ---- */

static void
say_count(const struct retrying *r)
{
	int64_t all = r->retried + r->waiting + r->refused;

	if (all == 0 && r->away == 0)
		printf("no post has failed; there is nothing to retry\n");
	else
		printf("%s%" PRId64 " of %" PRId64 " failed posts are tried again, %" PRId64
		       " wait already, %" PRId64 " cannot be retried\n",
		       r->away != 0 ? "broken off: " : "", r->retried, all, r->waiting, r->refused);
}

static int
end(struct retrying *r, bool failed, unsigned denied)
{
	int exit_status = r->refused > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	cJSON *object;

	if (r->away != 0)
		exit_status = r->away;
	if (!r->json) {
		if (failed)
			say_count(r);
		return exit_status;
	}
	object = cJSON_CreateObject();
	cJSON_AddItemToObject(object, "posts", r->posts);
	r->posts = NULL;
	cJSON_AddNumberToObject(object, "retried", (double)r->retried);
	cJSON_AddNumberToObject(object, "waiting", (double)r->waiting);
	cJSON_AddNumberToObject(object, "refused", (double)r->refused);
	cJSON_AddBoolToObject(object, "complete", r->away == 0);
	return output_json(object, denied, exit_status);
}

int
retry_command(const struct config *config, int count, char *const *ids, bool failed, bool json)
{
	struct retrying r = {.json = json};
	int exit_status = servers_open(&r.servers, config, SERVERS_BOTH);
	unsigned denied = json_memory_denied();

	if (exit_status == EXIT_SUCCESS) {
		r.posts = json ? cJSON_CreateArray() : NULL;
		if (failed)
			retry_all_failed(&r);
		else
			retry_all_named(&r, count, ids);
		exit_status = end(&r, failed, denied);
	}
	servers_close(&r.servers);
	return exit_status;
}

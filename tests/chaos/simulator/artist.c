/*
 * artist.c - artists and the API server.                                [simulator]
 */
#include "tests/chaos/simulator/artist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue/queue.h"
#include "common/redis.h"
#include "tests/chaos/simulator/deviantart.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/server.h"
#include "tests/chaos/simulator/tables.h"
#include "worker/producer.h"

#define AGAIN_MS 1000

static struct redis *redis;
static struct queue *queue;
static bool share_titles;

bool
artists_share_titles(void)
{
	return share_titles;
}

/* ---- the API server's ways ---- */

/* False: Redis is away; the API server tries again. */
static bool
add_job(const struct post_row *post, bool replace_finished)
{
	const struct producer_job job = {
		.deviation_id = post->id,
		.user_id = post->user_id,
		.upload_mode = post->is_multiple ? "multiple" : "single",
		.delay_ms = post->is_due_known ? post->due_ms - tables_now_ms() : 0,
		.attempts = 7,
		.replace_finished = replace_finished,
	};
	enum queue_added added;
	struct failure why;

	return producer_add(queue, &job, &added, &why);
}

static void
schedule(struct post_row *post, int64_t delay_ms)
{
	post->status = ROW_SCHEDULED;
	post->is_due_known = true;
	post->due_ms = tables_now_ms() + delay_ms;
	if (post->due_ms < post->earliest_due_ms)
		post->earliest_due_ms = post->due_ms;
	post->updated_ms = tables_now_ms();
	post->taken_back_ms = 0;
	post->may_run_failed = true;
	post->error[0] = '\0';
}

static void
add_scheduled(void *argument)
{
	struct post_row *post = argument;

	if (!postgres_server.up || !redis_server.up) {
		sim_plan(sim_now_ms() + AGAIN_MS, add_scheduled, post);
		return;
	}
	if (post->status != ROW_REVIEW)
		return;
	schedule(post, sim_chance(6000) ? 0 : sim_between(0, 20000));
	TRACE("- %s is scheduled", post->id);
	/* The row is committed first; a job that is lost here is the sweep's business. */
	if (!sim_strikes(500))
		(void)add_job(post, false);
}

static void
set_publishing(void *argument)
{
	struct post_row *post = argument;

	if (!postgres_server.up) {
		sim_plan(sim_now_ms() + AGAIN_MS, set_publishing, post);
		return;
	}
	TRACE("- the API server makes %s 'publishing'", post->id);
	post->status = ROW_PUBLISHING;
	post->updated_ms = tables_now_ms();
	post->taken_back_ms = 0;
	post->may_run_failed = true;
}

static void
publish_now(void *argument)
{
	struct post_row *post = argument;

	if (!postgres_server.up || !redis_server.up) {
		sim_plan(sim_now_ms() + AGAIN_MS, publish_now, post);
		return;
	}
	if (post->status != ROW_REVIEW)
		return;
	post->status = ROW_DRAFT;
	post->updated_ms = tables_now_ms();
	post->earliest_due_ms = tables_now_ms();
	TRACE("- %s is to be published now", post->id);
	(void)add_job(post, false);
	sim_plan(sim_now_ms() + sim_between(0, 3000), set_publishing, post);
}

static void
take_back(void *argument)
{
	struct post_row *post = argument;
	struct failure why;
	bool removed = false;
	char id[64];

	/* The API server does so without a look at locks. */
	if (!postgres_server.up || (post->status != ROW_SCHEDULED && post->status != ROW_UPLOADING))
		return;
	post->status = ROW_DRAFT;
	post->updated_ms = tables_now_ms();
	post->taken_back_ms = tables_now_ms();
	snprintf(id, sizeof(id), "deviation-%s", post->id);
	if (sim_chance(5000))
		(void)queue_remove(queue, id, &removed, &why);
	TRACE("- %s is taken back%s", post->id, removed ? ", its job removed" : "");
}

/* The date moves; the job, more often than not, does not. */
static void
postpone(void *argument)
{
	struct post_row *post = argument;

	if (!postgres_server.up || post->status != ROW_SCHEDULED || post->has_journal ||
	    post->due_ms <= tables_now_ms())
		return;
	post->due_ms = tables_now_ms() + sim_between(0, 60000);
	post->earliest_due_ms = post->due_ms;
	post->updated_ms = tables_now_ms();
	TRACE("- %s is moved to another date", post->id);
}

/* ---- a Node worker beside ours: it takes a lock of its own format, and lets go of it, or dies
 * ---- */

static void
neighbour_lets_go(void *argument)
{
	struct post_row *post = argument;

	if (!postgres_server.up) {
		sim_plan(sim_now_ms() + AGAIN_MS, neighbour_lets_go, post);
		return;
	}
	if (strcmp(post->lock, "node") != 0)
		return;
	TRACE("- the neighbour lets go of %s", post->id);
	post->lock[0] = '\0';
	post->locked_ms = 0;
	if (post->status == ROW_UPLOADING)
		post->status = ROW_SCHEDULED;
	post->updated_ms = tables_now_ms();
}

static void
neighbour_locks(void *argument)
{
	struct post_row *post = argument;

	if (!postgres_server.up || post->lock[0] != '\0' || post->has_journal ||
	    post->status != ROW_SCHEDULED || post->due_ms > tables_now_ms())
		return;
	TRACE("- a neighbour locks %s", post->id);
	snprintf(post->lock, sizeof(post->lock), "node");
	post->locked_ms = post->updated_ms = tables_now_ms();
	post->status = ROW_UPLOADING;
	if (sim_chance(7000))
		sim_plan(sim_now_ms() + sim_between(100, 60000), neighbour_lets_go, post);
}

static void
schedule_again(void *argument)
{
	struct post_row *post = argument;

	if (!postgres_server.up || !redis_server.up ||
	    (post->status != ROW_FAILED && post->status != ROW_DRAFT) || post->lock[0] != '\0')
		return;
	/* Who is asked to look at his gallery looks: what is out is not scheduled again. */
	for (int i = 0; i < post->file_count; i++) {
		int published;

		if (sim_item_of(post->id, post->files[i].id, &published) != NULL)
			return;
	}
	schedule(post, 0);
	TRACE("- %s is scheduled again", post->id);
	(void)add_job(post, true);
}

static void
connect_again(void *argument)
{
	struct user_row *user = argument;
	struct sim_login *login = sim_login_of(user->id);

	if (!postgres_server.up)
		return;
	TRACE("- %s connects again", user->id);
	login->issued++;
	snprintf(login->access, sizeof(login->access), "access-%s-%d", user->id, login->issued);
	snprintf(login->refresh, sizeof(login->refresh), "refresh-%s-%d", user->id, login->issued);
	login->access_expires_ms = sim_now_ms() + 3600 * 1000;
	login->is_spent_unseen = false;
	login->holder_serial = 0;
	login->connected_ms = sim_now_ms();
	snprintf(user->access, sizeof(user->access), "%s", login->access);
	snprintf(user->refresh, sizeof(user->refresh), "%s", login->refresh);
	user->expires_ms = tables_now_ms() + 3600 * 1000;
	user->refresh_expires_ms = tables_now_ms() + INT64_C(90) * 24 * 3600 * 1000;
}

void
artist_connects(const char *user_id, int64_t at_ms)
{
	sim_plan(at_ms, connect_again, tables_user(user_id));
}

/* ---- the beginning ---- */

static void
make_user(int number)
{
	struct user_row *user = &tables.users[tables.user_count++];
	struct sim_login *login = &sim_deviantart.logins[sim_deviantart.login_count++];
	/* More than half an hour, a few minutes (refreshed first), or over. */
	int64_t left_ms = sim_chance(4000)   ? sim_between(600000, 3500000)
			  : sim_chance(5000) ? sim_between(1, 300000)
					     : -sim_between(0, 100000);

	*user = (struct user_row){.expires_ms = tables_now_ms() + left_ms,
				  .refresh_expires_ms =
					  tables_now_ms() + INT64_C(30) * 24 * 3600 * 1000};
	snprintf(user->id, sizeof(user->id), "artist%d", number);
	*login = (struct sim_login){.issued = 1, .access_expires_ms = sim_now_ms() + left_ms};
	snprintf(login->user_id, sizeof(login->user_id), "%s", user->id);
	snprintf(login->access, sizeof(login->access), "access-%s-1", user->id);
	snprintf(login->refresh, sizeof(login->refresh), "refresh-%s-1", user->id);
	snprintf(user->access, sizeof(user->access), "%s", login->access);
	snprintf(user->refresh, sizeof(user->refresh), "%s", login->refresh);
}

static void
make_post(int number)
{
	struct post_row *post = &tables.posts[tables.post_count++];

	*post = (struct post_row){.status = ROW_REVIEW,
				  .earliest_due_ms = INT64_MAX,
				  .updated_ms = tables_now_ms(),
				  .is_multiple = sim_chance(3000),
				  .is_stash_only = sim_chance(600),
				  .wants_sale = sim_chance(3000)};
	snprintf(post->id, sizeof(post->id), "post%d", number);
	snprintf(post->user_id, sizeof(post->user_id), "artist%u",
		 sim_below((uint32_t)tables.user_count));
	snprintf(post->title, sizeof(post->title), share_titles ? "Sunset" : "Sunset %d", number);
	snprintf(post->retries, sizeof(post->retries), "{}");
	post->file_count = (int)sim_between(1, post->is_multiple ? FILES_MOST : 2);
	for (int i = 0; i < post->file_count; i++) {
		struct file_row *file = &post->files[i];

		snprintf(file->id, sizeof(file->id), "post%d.f%d", number, i);
		snprintf(file->name, sizeof(file->name), "picture%d.png", i);
		snprintf(file->key, sizeof(file->key), "post%d/%s", number, file->id);
		snprintf(file->type, sizeof(file->type), "image/png");
		file->size_bytes = share_titles ? 50000 : 50000 + 1000 * number + i;
	}
}

static void
plan_post(struct post_row *post, int64_t until_ms)
{
	int64_t at_ms = sim_now_ms() + sim_between(0, 5000);

	sim_plan(at_ms, sim_chance(7000) ? add_scheduled : publish_now, post);
	if (sim_chance(1500))
		sim_plan(sim_between(at_ms, until_ms), take_back, post);
	if (sim_chance(2000))
		sim_plan(sim_between(at_ms, at_ms + 20000), postpone, post);
	for (int i = 0; i < 3 && sim_chance(1500); i++)
		sim_plan(sim_between(at_ms, at_ms + 10000), neighbour_locks, post);
	if (sim_chance(3000))
		sim_plan(sim_between(at_ms, until_ms), schedule_again, post);
}

void
artists_begin(int64_t until_ms)
{
	const struct queue_settings settings = {.prefix = "bull",
						.name = "deviation-publisher",
						.lock_duration_ms = 30000,
						.default_attempts = 7};
	int users = sim_chance(6000) ? 1 : (int)sim_between(1, USERS_MOST);
	int posts = (int)sim_between(1, 5);

	memset(&tables, 0, sizeof(tables));
	memset(&sim_deviantart, 0, sizeof(sim_deviantart));
	redis = redis_new(NULL, NULL);
	queue = queue_new(redis, &settings);
	if (queue == NULL)
		abort();
	share_titles = sim_chance(2500);
	for (int i = 0; i < users; i++)
		make_user(i);
	for (int i = 0; i < posts; i++) {
		make_post(i);
		plan_post(&tables.posts[i], until_ms);
	}
	if (sim_chance(2000))
		sim_plan(sim_between(sim_now_ms(), until_ms), connect_again, &tables.users[0]);
}

void
artists_end(void)
{
	queue_free(queue);
	redis_free(redis);
	queue = NULL;
	redis = NULL;
}

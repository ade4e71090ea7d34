/*
 * end_checks.c - what must hold when a history is over.                   [simulator]
 */
#include <stdio.h>
#include <string.h>

#include "tests/chaos/simulator/checks.h"
#include "tests/chaos/simulator/deviantart.h"
#include "tests/chaos/simulator/history.h"
#include "tests/chaos/simulator/queue_look.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/store.h"
#include "tests/chaos/simulator/tables.h"
#include "worker/journal.h"

static bool
has_ended(const struct post_row *post)
{
	return post->status == ROW_PUBLISHED || post->status == ROW_FAILED ||
	       post->status == ROW_DRAFT;
}

static bool
is_queue_quiet(void)
{
	static const char *const busy[] = {"wait", "active", "prioritized", "delayed"};

	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
		char name[128];

		snprintf(name, sizeof(name), QUEUE "%s", busy[i]);
		if (store_find(name) != NULL)
			return false;
	}
	return true;
}

bool
check_posts_have_ended(void)
{
	for (int i = 0; i < tables.post_count; i++) {
		if (!has_ended(&tables.posts[i]))
			return false;
	}
	return true;
}

bool
check_is_done(void)
{
	return sim_now_ms() >= weather.calm_ms && redis_server.up && postgres_server.up &&
	       check_posts_have_ended() && is_queue_quiet();
}

_Noreturn void
check_unfinished(void)
{
	char text[400] = "";
	size_t used = 0;

	for (int i = 0; i < tables.post_count && used < sizeof(text); i++) {
		const struct post_row *post = &tables.posts[i];
		char id[64];

		queue_job_id_of(post, id);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s is %s, its job %s; ",
					 post->id, row_status_names[post->status],
					 queue_is_in("active", id)        ? "active"
					 : queue_is_in("delayed", id)     ? "delayed"
					 : queue_is_in("wait", id)        ? "waiting"
					 : queue_is_in("prioritized", id) ? "prioritized"
					 : queue_is_in("failed", id)      ? "failed"
					 : queue_is_in("completed", id)   ? "completed"
									  : "missing");
	}
	sim_violation("1 every history ends", "%s", text);
}

static void
check_public_files(const struct post_row *post)
{
	int wanted = post->is_stash_only ? 0 : post->is_multiple ? post->file_count : 1;

	for (int i = 0; i < post->file_count; i++) {
		int published;

		(void)sim_item_of(post->id, post->files[i].id, &published);
		if (published != (i < wanted))
			sim_violation("I2 one publish a published file", "file %s of %s: %d",
				      post->files[i].id, post->id, published);
	}
	/* Posts that nothing tells apart may have each other's; no two have the same (a
	 * constraint).
	 */
	if (wanted > 0 && post->deviation_id[0] != '\0' && !history_has_twins()) {
		int published;
		const struct sim_item *item = sim_item_of(post->id, post->files[0].id, &published);

		if (strcmp(item->deviation_id, post->deviation_id) != 0)
			sim_violation("I1 the row has its own post's id", "%s has %s, not %s",
				      post->id, post->deviation_id, item->deviation_id);
	}
}

static void
check_link(const struct post_row *post)
{
	int published;
	const struct sim_item *item = sim_item_of(post->id, post->files[0].id, &published);

	if (post->is_stash_only || post->url[0] != '\0' || item == NULL || history_has_twins())
		return;
	if (item->link_was_shown && !item->is_from_site)
		sim_violation("2 the gallery is believed",
			      "%s has no link, but the gallery showed it", post->id);
}

static void
check_post_is_published(const struct post_row *post)
{
	char name[96];

	check_public_files(post);
	check_link(post);
	if (!post->post_counted || post->sales != (post->wants_sale && !post->is_stash_only))
		sim_violation("I4 counted once, on sale once", "%s: %d on sale", post->id,
			      post->sales);
	snprintf(name, sizeof(name), "bull:storage-cleanup:storage-cleanup-%s", post->id);
	if (!check_redis_has_forgotten() && store_find(name) == NULL)
		sim_violation("1 the clean-up job exists", "%s", post->id);
}

/* Its artist published it on the site himself, and what we have asked was refused for sure: without
 * his login, say. Nobody but he could know. */
static bool
is_by_hand(const struct sim_item *item, const struct file_row *file)
{
	return item->is_from_site && file->has_journal && file->state == ITEM_SUBMITTED;
}

/* What is public although the post failed is known, or its artist is asked to look. */
static void
check_post_failed(const struct post_row *post)
{
	bool asked = strstr(post->error, "look at your gallery") != NULL;

	if (post->error[0] == '\0')
		sim_violation("I1 a failure has its reason", "%s", post->id);
	for (int i = 0; i < post->file_count; i++) {
		const struct file_row *file = &post->files[i];
		int published;

		const struct sim_item *item = sim_item_of(post->id, file->id, &published);

		if (published > 0 && !asked && !is_by_hand(item, file) &&
		    !(file->has_journal && file->state == ITEM_PUBLISHED))
			sim_violation("I2 no failed post is public unsaid", "%s: \"%s\"", post->id,
				      post->error);
	}
}

void
check_end(void)
{
	for (int i = 0; i < tables.post_count; i++) {
		const struct post_row *post = &tables.posts[i];

		/* On a draft whose job Redis forgot one may stay: the next claim takes it over. */
		if (post->status != ROW_DRAFT &&
		    strncmp(post->lock, JOURNAL_LOCK_PREFIX, strlen(JOURNAL_LOCK_PREFIX)) == 0)
			sim_violation("I11 no lock is left", "%s is locked by %s", post->id,
				      post->lock);
		if (post->status == ROW_PUBLISHED)
			check_post_is_published(post);
		else if (post->status == ROW_FAILED)
			check_post_failed(post);
		sim_count(post->status == ROW_PUBLISHED ? SIM_POSTS_PUBLISHED
			  : post->status == ROW_FAILED  ? SIM_POSTS_FAILED
							: SIM_POSTS_TAKEN_BACK);
	}
	for (int i = 0; i < sim_deviantart.login_count; i++) {
		const struct sim_login *login = &sim_deviantart.logins[i];
		const struct user_row *user = tables_user(login->user_id);

		if (strcmp(user->refresh, login->refresh) != 0 && !login->is_spent_unseen)
			sim_violation("4 a refresh token is never lost", "%s has %s, not %s",
				      user->id, user->refresh, login->refresh);
	}
}

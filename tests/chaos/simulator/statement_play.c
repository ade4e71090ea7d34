/*
 * statement_play.c - statements in any order, for the mirror.            [simulator]
 */
#include "tests/chaos/simulator/statement_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/mirror.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/tables.h"
#include "worker/journal.h"

#define STATEMENTS  150
#define VALUES_MOST 12
#define POSTS       4
#define USERS       2

#define ONE_OF(...)                                                                                \
	((const char *const[]){__VA_ARGS__}[sim_below(sizeof((const char *const[]){__VA_ARGS__}) / \
						      sizeof(const char *))])
#define SET(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)

/* ---- rows ---- */

static void
make_user(int number)
{
	struct user_row *user = &tables.users[tables.user_count++];

	*user = (struct user_row){.expires_ms = tables_now_ms(),
				  .refresh_expires_ms = tables_now_ms() + 1000};
	SET(user->id, "artist%d", number);
	SET(user->access, "access");
	SET(user->refresh, "old");
}

static void
make_post(int number)
{
	struct post_row *post = &tables.posts[tables.post_count++];

	*post = (struct post_row){.status = (enum row_status)sim_below(ROW_FAILED + 1),
				  .updated_ms = tables_now_ms(),
				  .is_multiple = sim_chance(5000),
				  .is_stash_only = sim_chance(2000),
				  .wants_sale = sim_chance(5000)};
	SET(post->id, "post%d", number);
	SET(post->user_id, "artist%u", sim_below(USERS));
	SET(post->title, "%s", ONE_OF("Sunset", "Dawn"));
	SET(post->retries, "{}");
	post->file_count = sim_chance(1500) ? 0 : (int)sim_between(1, FILES_MOST);
	for (int i = 0; i < post->file_count; i++) {
		struct file_row *file = &post->files[i];

		SET(file->id, "post%d.f%d", number, i);
		SET(file->name, "%d.png", i);
		SET(file->key, "post%d/%d", number, i);
		SET(file->type, "image/png");
		file->size_bytes = 1000 + i;
	}
}

/* The artist, the API server, a neighbour: the row is not what it was. */
static void
change_row(struct post_row *post)
{
	post->status = (enum row_status)sim_below(ROW_FAILED + 1);
	post->is_due_known = sim_chance(8000);
	post->due_ms = post->is_due_known ? tables_now_ms() + sim_between(-60, 20) * 1000 : 0;
	if (sim_chance(3000)) {
		SET(post->lock, "%s", ONE_OF("", "node"));
		post->locked_ms = post->lock[0] == '\0' && sim_chance(8000)
					  ? 0
					  : tables_now_ms() - sim_between(0, 40) * 60 * 1000;
	}
	if (sim_chance(2000))
		SET(post->stash_item, "%s", ONE_OF("", "i1", "i2"));
	SET(post->error, "%s", ONE_OF("", "it said no"));
	post->updated_ms = tables_now_ms() - sim_between(0, 60000);
}

/* ---- values ---- */

static const char *
some_bool(void)
{
	return ONE_OF("true", "false");
}

static const char *
some_lock(const struct post_row *post)
{
	static char lock[256];
	char *made;

	if (post->lock[0] != '\0' && sim_chance(8500))
		return post->lock;
	made = journal_lock(sim_between(1, 9), ONE_OF("A", "B"), ONE_OF(post->id, "another"));
	if (made == NULL)
		abort();
	SET(lock, "%s", made);
	free(made);
	return lock;
}

/* "" where it has none. */
static const struct file_row *
some_file(const struct post_row *post)
{
	static const struct file_row none;

	return post->file_count == 0 ? &none : &post->files[sim_below((uint32_t)post->file_count)];
}

static const char *
some_file_or_none(const struct post_row *post)
{
	return sim_chance(5000) ? NULL : some_file(post)->id;
}

/* ---- one statement each ---- */

#define RUN(name, ...)                                                                             \
	run(name, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *),                     \
	    (const char *const[]){__VA_ARGS__})

/* With values of its own: they may be a row's, and the statement changes rows. */
static void
run(const char *name, size_t count, const char *const *values)
{
	char *copies[VALUES_MOST] = {NULL};
	struct table answer;
	const char *sqlstate;

	if (count > VALUES_MOST)
		abort();
	for (size_t i = 0; i < count; i++)
		copies[i] = values[i] != NULL ? strdup(values[i]) : NULL;
	TRACE("%s of %s", name, count > 0 ? copies[0] : "all");
	(void)tables_run(name, (int)count, (const char *const *)copies, &answer, &sqlstate);
	table_free(&answer);
	for (size_t i = 0; i < count; i++)
		free(copies[i]);
}

static void
run_claim(struct post_row *post)
{
	RUN("publisher_begin", post->id, sim_chance(9000) ? post->user_id : "artist9",
	    some_lock(post), post->id, ONE_OF("job|1|0", "job|1|1"), ONE_OF("0", "1", "2"));
}

static void
run_on_file(struct post_row *post)
{
	const struct file_row *file = some_file(post);
	const char *lock = some_lock(post), *id = file->id;
	const char *item =
		file->item[0] != '\0' && sim_chance(8000) ? file->item : ONE_OF("i1", "i2");

	if (post->file_count == 0)
		return;
	switch (sim_below(5)) {
	case 0:
		RUN("publisher_adopt", post->id, lock, id, item, ONE_OF("0", "1500"));
		return;
	case 1:
		RUN("publisher_submitted", post->id, lock, id, item, "digest", some_bool(),
		    "detail", post->title);
		return;
	case 2:
		RUN("publisher_outcome", post->id, lock, id, some_bool(), some_bool(), some_bool(),
		    ONE_OF("looked", NULL), "detail");
		return;
	default:
		RUN("publisher_publishing", post->id, lock, id, item,
		    ONE_OF("submitted", "submitted", "publishing"), ONE_OF("0", "1"));
	}
}

static void
run_published(struct post_row *post)
{
	const char *id = ONE_OF("d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", NULL);

	RUN("publisher_published", post->id, some_lock(post),
	    sim_chance(9000) ? some_file(post)->id : "", id, ONE_OF("url", NULL), id,
	    ONE_OF("url", NULL), some_bool(), ONE_OF("i1", NULL), "published", "detail",
	    some_bool());
}

static void
run_end(struct post_row *post)
{
	const char *lock = some_lock(post);

	switch (sim_below(4)) {
	case 0:
		RUN("publisher_failed", post->id, lock, "it failed", some_file_or_none(post),
		    some_file_or_none(post), ONE_OF("job|1|0", "job|1|1"));
		return;
	case 1:
		RUN("publisher_reject", post->id, sim_chance(9000) ? post->user_id : "artist9",
		    "it has no files", post->id);
		return;
	default:
		RUN("publisher_release", post->id, lock, ONE_OF("it waits", NULL),
		    ONE_OF("NETWORK_ERROR", "RATE_LIMIT", NULL), some_bool(), some_bool(),
		    some_file_or_none(post), ONE_OF("waits", NULL), "detail");
	}
}

static void
run_question(struct post_row *post)
{
	const struct file_row *file = some_file(post);

	switch (sim_below(4)) {
	case 0:
		RUN("publisher_own_post", post->user_id, post->id, file->id);
		return;
	case 1:
		RUN("publisher_twins", post->user_id, post->id, file->id);
		return;
	case 2:
		RUN("publisher_used_posts", "[\"d1\",\"d3\",\"d9\"]", post->id, file->id);
		return;
	default:
		RUN("publisher_overdue", "100", ONE_OF("", "post1"), ONE_OF(post->id, NULL, NULL));
	}
}

static void
run_dispatcher(struct post_row *post)
{
	char ids[64];

	SET(ids, "[\"%s\",\"post0\"]", post->id);
	switch (sim_below(3)) {
	case 0:
		RUN("publisher_release_dead", ids, ONE_OF("A", "B"), ONE_OF("true", "false"));
		return;
	case 1:
		run("publisher_keep_locks", 0, (const char *const[]){NULL});
		return;
	default:
		run("publisher_forget_steps", 0, (const char *const[]){NULL});
	}
}

static void
run_token(struct post_row *post)
{
	const char *user = post->user_id, *holder = ONE_OF("A", "B");

	switch (sim_below(8)) {
	case 0:
		RUN("publisher_token_release", user, holder);
		return;
	case 1:
		RUN("publisher_token_refused", user, holder);
		return;
	case 2:
		RUN("publisher_token_store", user, ONE_OF("old", "new"), "access",
		    ONE_OF("old", "new"), "3600");
		return;
	case 3:
		RUN("publisher_token_read", user);
		return;
	case 4:
		RUN("publisher_token_dead", user, "connect again", post->id);
		return;
	default:
		RUN("publisher_token_lease", user, holder, ONE_OF("digest1", "digest2"),
		    ONE_OF("1000", "60000", "400000"));
	}
}

/* ---- many of them ---- */

static void
play_one(void)
{
	static void (*const kinds[])(struct post_row *) = {
		run_claim,    run_claim,      run_on_file, run_on_file, run_on_file, run_published,
		run_question, run_dispatcher, run_token,   run_token,   run_end,
	};
	struct post_row *post = &tables.posts[sim_below(POSTS)];

	sim_count(SIM_STEPS);
	sim_advance(sim_now_ms() +
		    (sim_chance(8000) ? sim_between(0, 3000) : sim_between(0, 40) * 60 * 1000));
	if (sim_chance(1500))
		change_row(post);
	kinds[sim_below(sizeof(kinds) / sizeof(kinds[0]))](post);
}

void
statement_play(uint64_t seed)
{
	sim_begin(seed);
	mirror_forget_all();
	memset(&tables, 0, sizeof(tables));
	for (int i = 0; i < USERS; i++)
		make_user(i);
	for (int i = 0; i < POSTS; i++)
		make_post(i);
	for (int i = 0; i < STATEMENTS; i++)
		play_one();
}

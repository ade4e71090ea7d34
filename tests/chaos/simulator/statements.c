/*
 * statements.c - worker/sql/ in C: which statement is which function; see tables.h.     [simulator]
 */
#include "tests/chaos/simulator/statement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/mirror.h"
#include "tests/chaos/simulator/sim.h"

struct tables tables;

const char *const row_status_names[] = {"review",     "draft",     "scheduled", "uploading",
					"publishing", "published", "failed"};
const char *const item_state_names[] = {"submitted", "publishing", "published"};

int64_t
tables_now_ms(void)
{
	return sim_now_ms() + SIM_WALL_MS;
}

struct post_row *
tables_post(const char *id)
{
	for (int i = 0; i < tables.post_count; i++) {
		if (strcmp(tables.posts[i].id, id) == 0)
			return &tables.posts[i];
	}
	return NULL;
}

struct user_row *
tables_user(const char *id)
{
	for (int i = 0; i < tables.user_count; i++) {
		if (strcmp(tables.users[i].id, id) == 0)
			return &tables.users[i];
	}
	return NULL;
}

static bool
run_nothing(const char *const *values, struct table *out)
{
	(void)values;
	(void)out;
	return true;
}

/* Whether transactions are read-only. */
static bool
run_probe(const char *const *values, struct table *out)
{
	(void)values;
	table_new_row(out);
	table_put(out, "off");
	return true;
}

static const struct statement {
	const char *name;
	bool (*run)(const char *const *values, struct table *out);
} statements[] = {
	{"begin", run_begin},
	{"adopt", run_adopt},
	{"submitted", run_submitted},
	{"publishing", run_publishing},
	{"release", run_release},
	{"failed", run_failed},
	{"reject", run_reject},
	{"outcome", run_outcome},
	{"twins", run_twins},
	{"used_posts", run_used_posts},
	{"own_post", run_own_post},
	{"release_dead", run_release_dead},
	{"overdue", run_overdue},
	{"keep_locks", run_keep_locks},
	{"forget_steps", run_nothing},
	{"held_logins", run_nothing},
	{"probe", run_probe},
	{"token_lease", run_token_lease},
	{"token_read", run_token_read},
	{"token_store", run_token_store},
	{"token_release", run_token_release},
	{"token_refused", run_token_refused},
	{"token_dead", run_token_dead},
};

static bool
run_model(const char *name, const char *const *values, struct table *out, const char **sqlstate)
{
	const char *plain = name + strlen("publisher_");

	*out = (struct table){.rows = 0};
	*sqlstate = "";
	if (strcmp(plain, "published") == 0)
		return run_published(values, out, sqlstate);
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		if (strcmp(statements[i].name, plain) == 0)
			return statements[i].run(values, out);
	}
	fprintf(stderr, "simulator: its PostgreSQL does not know %s\n", name);
	abort();
}

bool
tables_run(const char *name, int count, const char *const *values, struct table *out,
	   const char **sqlstate)
{
	bool ran;

	mirror_before_statement();
	ran = run_model(name, values, out, sqlstate);
	mirror_after_statement(name, count, values, out, *sqlstate);
	return ran;
}

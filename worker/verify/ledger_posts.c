/*
 * ledger_posts.c - each published file is public once, all else is not (I2).   [verify command]
 *
 * A post of the ledger names the Sta.sh item that it was made of. Which deviation the item belongs
 * to is told by the journal, by the trail ("item X" at each publish; the journal forgets an item
 * that is gone) and by the row. A post may be public although its row says "failed": where its
 * artist was asked to look at his gallery (the trail has the very words), since what could not be
 * known stays unknown.
 */
#include <cjson/cJSON.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/verify/audit.h"
#include "worker/verify/ledger.h"

#define SETTLE_MS  1000
#define ITEMS_MAX  400 /* of one deviation */
#define STRAYS_MAX 200

#define STATEMENT(var)                                                                             \
	static const struct postgres_statement var = {.name = "publisher_" #var, .sql = var##_sql}
static const char verify_items_sql[] =
#include "worker/sql/verify_items.sql.h"
	;
static const char verify_known_items_sql[] =
#include "worker/sql/verify_known_items.sql.h"
	;
STATEMENT(verify_items);
STATEMENT(verify_known_items);

struct post {
	const char *item, *id, *user, *title;
	bool claimed; /* some deviation has its item */
};

struct posts {
	struct audit *audit;
	struct post *list; /* by item */
	size_t count;
	const struct post **by_id;
};

/* One deviation as verify_items.sql tells it. */
struct deviation {
	const char *id, *status;
	const char *items[ITEMS_MAX]; /* each once */
	size_t item_count, known;     /* the first `known` are in the journal */
	int published, publishing, asked;
	cJSON *files, *trail;
};

static int
by_item(const void *a, const void *b)
{
	return strcmp(((const struct post *)a)->item, ((const struct post *)b)->item);
}

static int
by_id(const void *a, const void *b)
{
	const struct post *const *left = a, *const *right = b;

	return strcmp((*left)->id, (*right)->id);
}

static bool
open_posts(struct posts *posts, const struct ledger *ledger, struct failure *why)
{
	size_t most = (size_t)cJSON_GetArraySize(ledger->posts) + 1;
	const cJSON *record;

	posts->list = calloc(most, sizeof(*posts->list));
	posts->by_id = calloc(most, sizeof(*posts->by_id));
	if (posts->list == NULL || posts->by_id == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	cJSON_ArrayForEach(record, ledger->posts)
	{
		/* Planted ones have no item: others made them. */
		posts->list[posts->count].item = ledger_text(record, "itemid");
		posts->list[posts->count].user = ledger_text(record, "user");
		posts->list[posts->count].title = ledger_text(record, "title");
		posts->list[posts->count++].id = ledger_text(record, "deviationid");
	}
	qsort(posts->list, posts->count, sizeof(*posts->list), by_item);
	for (size_t i = 0; i < posts->count; i++)
		posts->by_id[i] = &posts->list[i];
	qsort(posts->by_id, posts->count, sizeof(*posts->by_id), by_id);
	return true;
}

/* The first post of an item, and how many there are. */
static struct post *
posts_of(const struct posts *posts, const char *item, size_t *count)
{
	const struct post wanted = {.item = item};
	struct post *found =
		bsearch(&wanted, posts->list, posts->count, sizeof(*posts->list), by_item);

	*count = 0;
	if (found == NULL)
		return NULL;
	while (found > posts->list && strcmp(found[-1].item, item) == 0)
		found--;
	while (found + *count < posts->list + posts->count && strcmp(found[*count].item, item) == 0)
		++*count;
	return found;
}

static const struct post *
post_with_id(const struct posts *posts, const char *id)
{
	const struct post wanted = {.id = id}, *key = &wanted;
	const struct post *const *found =
		bsearch(&key, posts->by_id, posts->count, sizeof(const struct post *), by_id);

	return found != NULL ? *found : NULL;
}

/* ---- one deviation ---- */

static void
add_item(struct deviation *d, const char *item)
{
	if (item[0] == '\0' || d->item_count == ITEMS_MAX)
		return;
	for (size_t i = 0; i < d->item_count; i++)
		if (strcmp(d->items[i], item) == 0)
			return;
	d->items[d->item_count++] = item;
}

static void
read_deviation(struct deviation *d, const PGresult *r, int at)
{
	const cJSON *one;

	*d = (struct deviation){.id = PQgetvalue(r, at, 0), .status = PQgetvalue(r, at, 1)};
	d->asked = (int)strtol(PQgetvalue(r, at, 6), NULL, 10);
	d->files = cJSON_Parse(PQgetvalue(r, at, 3));
	d->trail = cJSON_Parse(PQgetvalue(r, at, 4));
	cJSON_ArrayForEach(one, d->files)
	{
		add_item(d, ledger_text(one, "item"));
		d->published += strcmp(ledger_text(one, "state"), "published") == 0;
		d->publishing += strcmp(ledger_text(one, "state"), "publishing") == 0;
	}
	d->known = d->item_count;
	cJSON_ArrayForEach(one, d->trail)
		add_item(d, cJSON_GetStringValue(one) != NULL ? one->valuestring : "");
	add_item(d, PQgetvalue(r, at, 5));
}

/* Two posts of one artist under one title, both of an unknown outcome: nobody can tell which of the
 * two that the gallery shows is whose, and each is public once. */
static bool
are_twins(const struct post *own, const struct post *named)
{
	return own != NULL && named != NULL && named->item[0] != '\0' &&
	       strcmp(own->user, named->user) == 0 && strcmp(own->title, named->title) == 0;
}

/* Each file that the journal has as published is public, as the post that it names. */
static void
judge_files(struct posts *posts, const struct deviation *d)
{
	const cJSON *file;

	cJSON_ArrayForEach(file, d->files)
	{
		const char *item = ledger_text(file, "item"), *id = ledger_text(file, "post");
		const struct post *named = id[0] != '\0' ? post_with_id(posts, id) : NULL;
		const struct post *own;
		size_t count;

		if (strcmp(ledger_text(file, "state"), "published") != 0)
			continue;
		own = posts_of(posts, item, &count);
		if (count == 0)
			audit_suspect(posts->audit, EXAMINER_LEDGER, CHECK_NOT_PUBLIC, d->id,
				      SETTLE_MS, item,
				      "its item %.40s is recorded as published, and DeviantArt has "
				      "no post of it",
				      item);
		if (id[0] != '\0' && (named == NULL || strcmp(named->item, item) != 0) &&
		    !are_twins(own, named))
			audit_suspect(posts->audit, EXAMINER_LEDGER, CHECK_OTHER_POST, d->id,
				      SETTLE_MS, id,
				      "its item %.40s is recorded as the post %.60s, which %s",
				      item, id,
				      named == NULL ? "DeviantArt does not know"
						    : "was made of something else");
	}
}

/* All posts of all items that it ever had. */
static size_t
gather(struct posts *posts, const struct deviation *d, char *ids, size_t ids_size)
{
	size_t total = 0, length = 0;

	ids[0] = '\0';
	for (size_t i = 0; i < d->item_count; i++) {
		size_t count;
		struct post *post = posts_of(posts, d->items[i], &count);

		for (size_t n = 0; n < count; n++, total++) {
			post[n].claimed = true;
			if (length + 80 < ids_size)
				length += (size_t)snprintf(
					ids + length, ids_size - length, "%s%.60s of item %.12s",
					length > 0 ? ", " : "", post[n].id, post[n].item);
		}
	}
	return total;
}

static void
judge_deviation(struct posts *posts, const struct deviation *d)
{
	size_t forgotten = d->item_count - d->known;
	size_t asked = (size_t)d->asked < forgotten ? (size_t)d->asked : forgotten;
	size_t allowed = (size_t)(d->published + d->publishing) + asked;
	char ids[500];
	size_t total = gather(posts, d, ids, sizeof(ids));

	judge_files(posts, d);
	if (total <= allowed)
		return;
	if (total > 1)
		audit_suspect(posts->audit, EXAMINER_LEDGER, CHECK_TWICE_PUBLISHED, d->id,
			      SETTLE_MS, ids, "DeviantArt has %zu posts of it, %zu expected (%s)",
			      total, allowed, ids);
	else
		audit_suspect(posts->audit, EXAMINER_LEDGER, CHECK_PUBLIC, d->id, SETTLE_MS, ids,
			      "its row is %s, and DeviantArt has a post of it (%s)", d->status,
			      ids);
}

static bool
judge_page(void *arg, struct pg_result *page, struct failure *why)
{
	const PGresult *result = POSTGRES_RESULT(page);
	struct posts *posts = arg;
	bool done = true;

	for (int i = 0; done && i < PQntuples(result); i++) {
		struct deviation *d = malloc(sizeof(*d));

		if (d == NULL)
			return failure_set(why, FAILURE_AWAY, "out of memory");
		read_deviation(d, result, i);
		done = (d->files != NULL && d->trail != NULL) ||
		       failure_set(why, FAILURE_AWAY, "out of memory");
		/* Written by a neighbour: the journal tells nothing of it. */
		if (done && (d->known > 0 || cJSON_GetArraySize(d->trail) > 0))
			judge_deviation(posts, d);
		else if (done)
			(void)gather(posts, d, (char[1]){""}, 1);
		cJSON_Delete(d->files);
		cJSON_Delete(d->trail);
		free(d);
	}
	return done;
}

/* ---- posts of nobody ---- */

static bool
is_known(const PGresult *known, const char *item)
{
	for (int i = 0; i < PQntuples(known); i++)
		if (strcmp(PQgetvalue(known, i, 0), item) == 0)
			return true;
	return false;
}

/* An item that no deviation has, not even a deleted one. */
static bool
judge_strays(struct posts *posts, struct failure *why)
{
	const char *items[STRAYS_MAX];
	const char *values[1];
	size_t count = 0;
	char *json;
	PGresult *known;

	for (size_t i = 0; i < posts->count && count < STRAYS_MAX; i++)
		if (!posts->list[i].claimed && posts->list[i].item[0] != '\0')
			items[count++] = posts->list[i].item;
	if (count == 0)
		return true;
	json = audit_json(items, count, why);
	if (json == NULL)
		return false;
	values[0] = json;
	known = POSTGRES_RESULT(audit_query(posts->audit, &verify_known_items, 1, values, why));
	for (size_t i = 0; known != NULL && i < count; i++)
		if (!is_known(known, items[i]))
			audit_suspect(posts->audit, EXAMINER_LEDGER, CHECK_STRAY_POST, items[i],
				      SETTLE_MS, "",
				      "DeviantArt has a post of it, and no deviation ever had it");
	PQclear(known);
	free(json);
	return known != NULL;
}

/* The site accepted a publish of one item twice. */
static void
judge_repeats(struct posts *posts)
{
	for (size_t i = 0; i < posts->count;) {
		size_t end = i + 1;

		while (end < posts->count &&
		       strcmp(posts->list[i].item, posts->list[end].item) == 0)
			end++;
		if (end - i > 1 && posts->list[i].item[0] != '\0')
			audit_suspect(posts->audit, EXAMINER_LEDGER, CHECK_TWICE_PUBLISHED_ITEM,
				      posts->list[i].item, AUDIT_SETTLE_MS, "",
				      "DeviantArt has %zu posts of it (%.60s, %.60s)", end - i,
				      posts->list[i].id, posts->list[i + 1].id);
		i = end;
	}
}

bool
ledger_compare_posts(struct audit *audit, const struct ledger *ledger, struct failure *why)
{
	struct posts posts = {.audit = audit};
	bool done = open_posts(&posts, ledger, why) &&
		    audit_pages(posts.audit, &verify_items, 3, NULL, judge_page, &posts, why) &&
		    judge_strays(&posts, why);

	if (done)
		judge_repeats(&posts);
	free(posts.list);
	free(posts.by_id);
	return done;
}

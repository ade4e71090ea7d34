/*
 * store.c - the keyspace of a simulated Redis.                          [simulator]
 */
#include "tests/chaos/simulator/store.h"

#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/sim.h"

#define BUCKETS 256U

static struct store_key *buckets[BUCKETS];
static struct store_key *snapshot[BUCKETS];
static bool keeps_snapshots;
static int64_t snapshot_ms;

static unsigned
bucket_of(const char *name)
{
	uint32_t hash = 2166136261U;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619U;
	return (hash ^ (hash >> 16)) % BUCKETS;
}

static void *
must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

/* ---- items ---- */

void
store_set_text(char **text, const char *to)
{
	char *copy = to == NULL ? NULL : must(strdup(to));

	free(*text);
	*text = copy;
}

void
store_insert(struct store_key *key, size_t at, const char *text, const char *value, double score)
{
	struct store_item *item;

	if (key->count == key->room) {
		key->room = key->room == 0 ? 4 : 2 * key->room;
		key->items = must(realloc(key->items, key->room * sizeof(*key->items)));
	}
	item = &key->items[at];
	memmove(item + 1, item, (key->count - at) * sizeof(*item));
	key->count++;
	*item = (struct store_item){.score = score};
	store_set_text(&item->text, text);
	store_set_text(&item->value, value);
}

void
store_remove(struct store_key *key, size_t at)
{
	struct store_item *item = &key->items[at];

	free(item->text);
	free(item->value);
	key->count--;
	memmove(item, item + 1, (key->count - at) * sizeof(*item));
}

long
store_position(const struct store_key *key, const char *text)
{
	for (size_t i = 0; key != NULL && i < key->count; i++) {
		if (strcmp(key->items[i].text, text) == 0)
			return (long)i;
	}
	return -1;
}

/* ---- keys ---- */

static void
free_key(struct store_key *key)
{
	for (size_t i = 0; i < key->count; i++) {
		free(key->items[i].text);
		free(key->items[i].value);
	}
	free(key->items);
	free(key->name);
	free(key);
}

void
store_delete(struct store_key *key)
{
	struct store_key **link = &buckets[bucket_of(key->name)];

	while (*link != key)
		link = &(*link)->next;
	*link = key->next;
	free_key(key);
}

struct store_key *
store_find(const char *name)
{
	struct store_key *key = buckets[bucket_of(name)];

	while (key != NULL && strcmp(key->name, name) != 0)
		key = key->next;
	if (key != NULL && key->expires_ms != 0 && key->expires_ms <= sim_now_ms()) {
		store_delete(key);
		return NULL;
	}
	return key;
}

struct store_key *
store_make(const char *name, enum store_type type)
{
	struct store_key *key = store_find(name), **bucket;

	if (key != NULL)
		return key;
	bucket = &buckets[bucket_of(name)];
	key = must(calloc(1, sizeof(*key)));
	key->name = must(strdup(name));
	key->type = type;
	key->next = *bucket;
	*bucket = key;
	return key;
}

struct store_key *
store_next(size_t *at)
{
	size_t n = 0;

	for (size_t b = 0; b < BUCKETS; b++) {
		for (struct store_key *key = buckets[b]; key != NULL; key = key->next) {
			if (n++ == *at) {
				(*at)++;
				return key;
			}
		}
	}
	return NULL;
}

/* ---- persistence ---- */

static void
empty(struct store_key **keys)
{
	for (size_t b = 0; b < BUCKETS; b++) {
		while (keys[b] != NULL) {
			struct store_key *key = keys[b];

			keys[b] = key->next;
			free_key(key);
		}
	}
}

static struct store_key *
copy_key(const struct store_key *key)
{
	struct store_key *copy = must(calloc(1, sizeof(*copy)));

	*copy = *key;
	copy->next = NULL;
	copy->name = must(strdup(key->name));
	copy->items = NULL;
	copy->count = copy->room = 0;
	for (size_t i = 0; i < key->count; i++)
		store_insert(copy, i, key->items[i].text, key->items[i].value, key->items[i].score);
	return copy;
}

static void
copy_all(struct store_key *const *from, struct store_key **to)
{
	empty(to);
	for (size_t b = 0; b < BUCKETS; b++) {
		struct store_key **end = &to[b];

		for (const struct store_key *key = from[b]; key != NULL; key = key->next) {
			*end = copy_key(key);
			end = &(*end)->next;
		}
	}
}

void
store_keep_snapshots(bool keep)
{
	keeps_snapshots = keep;
	snapshot_ms = 0;
}

void
store_before_change(void)
{
	if (!keeps_snapshots || sim_now_ms() - snapshot_ms < 1000)
		return;
	snapshot_ms = sim_now_ms();
	copy_all(buckets, snapshot);
}

void
store_lose_last_second(void)
{
	if (keeps_snapshots && snapshot_ms != 0)
		copy_all(snapshot, buckets);
}

void
store_lose_all(void)
{
	empty(buckets);
	empty(snapshot);
	snapshot_ms = 0;
}

/*
 * secrets.c - does a text hold one of our secrets? (I12)               [verify command]
 */
#include "worker/verify/secrets.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LENGTHS_MAX  32
#define FIRST_SIZE   1024
#define ENTRIES_MAX  (UINT64_C(1) << 20)
#define MIX_CONSTANT UINT64_C(0x9e3779b97f4a7c15)

struct entry {
	uint64_t hash; /* 0: free */
	const char *what;
};

/* All secrets of one length. */
struct length {
	size_t size;
	uint64_t power; /* base to the (size - 1)-th: the weight of the byte that leaves */
};

struct secrets {
	uint64_t base;
	struct length lengths[LENGTHS_MAX];
	size_t length_count;
	struct entry *table; /* open addressing, at most half full */
	uint64_t size, used;
};

struct secrets *
secrets_new(void)
{
	struct secrets *secrets = calloc(1, sizeof(*secrets));

	if (secrets == NULL)
		return NULL;
	secrets->size = FIRST_SIZE;
	secrets->table = calloc(secrets->size, sizeof(*secrets->table));
	if (secrets->table == NULL) {
		free(secrets);
		return NULL;
	}
	if (getrandom(&secrets->base, sizeof(secrets->base), GRND_NONBLOCK) < 0)
		secrets->base = MIX_CONSTANT;
	secrets->base |= 1;
	return secrets;
}

void
secrets_free(struct secrets *secrets)
{
	if (secrets == NULL)
		return;
	free(secrets->table);
	free(secrets);
}

/* The table's key: the length is part of it. Never 0. */
static uint64_t
key_of(uint64_t rolling, size_t size)
{
	uint64_t key = (rolling ^ (uint64_t)size) * MIX_CONSTANT;

	key ^= key >> 31;
	return key != 0 ? key : 1;
}

static struct entry *
slot_of(struct entry *table, uint64_t size, uint64_t key)
{
	uint64_t at = key & (size - 1);

	while (table[at].hash != 0 && table[at].hash != key)
		at = (at + 1) & (size - 1);
	return &table[at];
}

static bool
make_room(struct secrets *secrets)
{
	struct entry *table;
	uint64_t size = 2 * secrets->size;

	if (2 * (secrets->used + 1) <= secrets->size)
		return true;
	if (size > 2 * ENTRIES_MAX)
		return false;
	table = calloc(size, sizeof(*table));
	if (table == NULL)
		return false;
	for (uint64_t i = 0; i < secrets->size; i++)
		if (secrets->table[i].hash != 0)
			*slot_of(table, size, secrets->table[i].hash) = secrets->table[i];
	free(secrets->table);
	secrets->table = table;
	secrets->size = size;
	return true;
}

static bool
know_length(struct secrets *secrets, size_t size)
{
	struct length *length = &secrets->lengths[secrets->length_count];

	for (size_t i = 0; i < secrets->length_count; i++)
		if (secrets->lengths[i].size == size)
			return true;
	if (secrets->length_count == LENGTHS_MAX)
		return false;
	length->size = size;
	length->power = 1;
	for (size_t i = 1; i < size; i++)
		length->power *= secrets->base;
	secrets->length_count++;
	return true;
}

static uint64_t
byte(const char *text, size_t at)
{
	return (uint64_t)(unsigned char)text[at] + 1;
}

static uint64_t
hash_of(const struct secrets *secrets, const char *text, size_t size)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < size; i++)
		hash = hash * secrets->base + byte(text, i);
	return hash;
}

void
secrets_add(struct secrets *secrets, const char *what, const char *secret)
{
	size_t size = secret != NULL ? strlen(secret) : 0;
	struct entry *slot;
	uint64_t key;

	if (size < SECRETS_LEAST_SIZE || !make_room(secrets) || !know_length(secrets, size))
		return;
	key = key_of(hash_of(secrets, secret, size), size);
	slot = slot_of(secrets->table, secrets->size, key);
	if (slot->hash == 0) {
		*slot = (struct entry){.hash = key, .what = what};
		secrets->used++;
	}
}

static const char *
find_of_length(const struct secrets *secrets, const struct length *length, const char *text,
	       size_t size)
{
	uint64_t hash;

	if (size < length->size)
		return NULL;
	hash = hash_of(secrets, text, length->size);
	for (size_t at = 0;; at++) {
		const struct entry *slot =
			slot_of(secrets->table, secrets->size, key_of(hash, length->size));

		if (slot->hash != 0)
			return slot->what;
		if (at + length->size == size)
			return NULL;
		hash = (hash - byte(text, at) * length->power) * secrets->base +
		       byte(text, at + length->size);
	}
}

const char *
secrets_find(const struct secrets *secrets, const char *text)
{
	size_t size = strlen(text);
	const char *what = NULL;

	if (size < SECRETS_LEAST_SIZE)
		return NULL;
	for (size_t i = 0; what == NULL && i < secrets->length_count; i++)
		what = find_of_length(secrets, &secrets->lengths[i], text, size);
	return what;
}

/*
 * places.c - a large set of ids in little memory.                      [verify command]
 *
 * B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970; the k hashes are
 * made of two (Kirsch and Mitzenmacher, 2006).
 */
#include "worker/verify/places.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#define HASHES       6
#define BITS_EACH    32
#define LEAST_BITS   (UINT64_C(1) << 16)
#define MOST_BITS    (UINT64_C(16) * 8 * 1024 * 1024)
#define FNV_PRIME    UINT64_C(1099511628211)
#define FNV_BASIS    UINT64_C(14695981039346656037)
#define MIX_CONSTANT UINT64_C(0x9e3779b97f4a7c15)

struct places {
	uint64_t seed;
	uint64_t mask; /* number of bits - 1 */
	uint64_t bits[];
};

struct places *
places_new(size_t ids)
{
	uint64_t bits = LEAST_BITS;
	struct places *places;

	while (bits < MOST_BITS && bits / BITS_EACH < ids)
		bits *= 2;
	places = calloc(1, sizeof(*places) + bits / 8);
	if (places == NULL)
		return NULL;
	places->mask = bits - 1;
	if (getrandom(&places->seed, sizeof(places->seed), GRND_NONBLOCK) < 0)
		places->seed = (uint64_t)(uintptr_t)places;
	return places;
}

void
places_free(struct places *places)
{
	free(places);
}

static uint64_t
mixed(uint64_t hash)
{
	hash ^= hash >> 32;
	hash *= MIX_CONSTANT;
	return hash ^ (hash >> 29);
}

static uint64_t
hash_of(const struct places *places, char tag, const char *id)
{
	uint64_t hash = (FNV_BASIS ^ places->seed ^ (unsigned char)tag) * FNV_PRIME;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * FNV_PRIME;
	return mixed(hash);
}

bool
places_add(struct places *places, char tag, const char *id)
{
	uint64_t hash = hash_of(places, tag, id), step = mixed(hash + 1) | 1;
	bool had = true;

	for (int i = 0; i < HASHES; i++, hash += step) {
		uint64_t bit = hash & places->mask;
		uint64_t *word = &places->bits[bit / 64], one = UINT64_C(1) << (bit % 64);

		had = had && (*word & one) != 0;
		*word |= one;
	}
	return had;
}

bool
places_have(const struct places *places, char tag, const char *id)
{
	uint64_t hash = hash_of(places, tag, id), step = mixed(hash + 1) | 1;

	for (int i = 0; i < HASHES; i++, hash += step) {
		uint64_t bit = hash & places->mask;

		if ((places->bits[bit / 64] & (UINT64_C(1) << (bit % 64))) == 0)
			return false;
	}
	return true;
}

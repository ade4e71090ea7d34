#ifndef WORKER_VERIFY_PLACES_H
#define WORKER_VERIFY_PLACES_H
/*
 * places.h - a large set of ids in little memory (a Bloom filter).     [verify command]
 *
 * Says of an id that is in it always yes, of another one yes once in some ten thousand times, and
 * each run's mistakes are others. So it may choose what is looked at closely; it proves nothing.
 */
#include <stdbool.h>
#include <stddef.h>

struct places;

/* For about so many ids; NULL: out of memory. Never more than 16 MB. */
struct places *places_new(size_t ids);
void places_free(struct places *places);

/* Whether (tag, id) was in it, most likely, before it was added. */
bool places_add(struct places *places, char tag, const char *id);
bool places_have(const struct places *places, char tag, const char *id);

#endif

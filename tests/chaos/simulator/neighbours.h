#ifndef TESTS_CHAOS_SIMULATOR_NEIGHBOURS_H
#define TESTS_CHAOS_SIMULATOR_NEIGHBOURS_H
/*
 * neighbours.h - what the checks ask about scripts.                      [simulator]
 */
#include <stdbool.h>

struct redisReply;

/* "claim", "end_job" ...; "gates". */
const char *neighbours_script_name(const char *source);
/* The job that a script of that name has just claimed; NULL: none. */
const char *neighbours_claimed(const char *name, const struct redisReply *reply);
/* The job that it gives out, claimed just now or before; NULL: none. */
const char *neighbours_given(const char *name, const struct redisReply *reply);
/* Whether a script that ends a claim did. */
bool neighbours_has_ended(const struct redisReply *reply);

#endif

#ifndef WORKER_TOKEN_PAIR_H
#define WORKER_TOKEN_PAIR_H
/*
 * token_pair.h - a pair of tokens on its way from DeviantArt into PostgreSQL, parked sealed in
 * Redis meanwhile.   [worker]
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"

struct redis;

/* A pair that DeviantArt gave out and that is not in PostgreSQL yet. */
struct token_pair {
	char *user_id, *old_refresh, *access, *refresh;
	int64_t expires_at_ms; /* wall clock */
	bool parked;
};

/* To be filled; made before the request, so that its answer never finds the memory full. NULL: out
 * of memory. */
struct token_pair *token_pair_new(const char *user_id, const char *old_refresh);
/* Wipes and frees. */
void token_pair_free(struct token_pair *pair);

/* Leaves it in Redis, sealed under the client secret (seal.h), for as long as a refresh token
 * lives; pair->parked says whether it lies there. */
bool token_pair_park(struct redis *redis, const char *client_secret, struct token_pair *pair);
void token_pair_unpark(struct redis *redis, const char *user_id);

/* A pair that somebody had to leave there; *pair NULL: none (or none that opens, which is logged).
 * False: FAILURE_AWAY. */
bool token_pair_read_parked(struct redis *redis, const char *client_secret, const char *user_id,
			    struct token_pair **pair, struct failure *why);

#endif

#ifndef WORKER_TOKEN_PAIR_H
#define WORKER_TOKEN_PAIR_H
/*
 * token_pair.h - a pair of tokens on its way from DeviantArt into PostgreSQL, parked sealed in
 * Redis meanwhile.   [worker]
 */
#include <stdbool.h>
#include <stddef.h>
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
 * lives; pair->parked says whether it lies there. Before the seal stands in clear the digest of the
 * token that it replaces: "<digest>.<sealed>". */
bool token_pair_park(struct redis *redis, const char *client_secret, struct token_pair *pair);
void token_pair_unpark(struct redis *redis, const char *user_id);

/*
 * A pair that somebody had to leave there: *pair. *unopened: it cannot be opened (another client
 * secret, or no seal of ours), and this is how it lies there; free() it. Both NULL: nothing is
 * there. False: FAILURE_AWAY.
 */
bool token_pair_read_parked(struct redis *redis, const char *client_secret, const char *user_id,
			    struct token_pair **pair, char **unopened, struct failure *why);

/*
 * Whether a pair that cannot be opened is proven to be no longer the newest: what lies in Redis
 * tells which refresh token it replaced, and the row, read after it, holds another one. (The row
 * held that token when it was presented, and a token is good for one use: whatever the row holds
 * since was put there later.) False where it cannot be told.
 */
bool token_pair_is_superseded(const char *unopened, const char *refresh_token);

/* Keeps it under another key, for as long as it had to live. False: FAILURE_AWAY, also where
 * another pair was parked meanwhile. */
bool token_pair_set_aside(struct redis *redis, const char *user_id, const char *unopened,
			  struct failure *why);

/* Says what an operator can do about it, as FAILURE_OPERATOR; false. */
bool token_pair_cannot_be_opened(const char *user_id, struct failure *why);

/* SHA-256 of a token in hexadecimal: tells tokens apart and tells none. "" where libcrypto fails.
 */
#define TOKEN_DIGEST_SIZE 65
void token_digest(const char *token, char out[TOKEN_DIGEST_SIZE]);

#endif

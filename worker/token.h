#ifndef WORKER_TOKEN_H
#define WORKER_TOKEN_H
/*
 * token.h - a fresh access token for a user; no refresh token is ever lost.   [worker]
 *
 * design.md, must hold 4. One refresh at a time per user over all hosts, by a lease row that is
 * committed before the request (no transaction is open over HTTP). The answer's pair is parked
 * sealed in Redis, committed by compare-and-set on the old one, and un-parked; where PostgreSQL is
 * away in that moment it stays parked, and in memory, until somebody commits it. A refusal is
 * believed only after the row was read again.
 */
#include <stdbool.h>

#include "common/config.h"
#include "common/failure.h"
#include "common/postgres.h"
#include "common/redis.h"
#include "worker/deviantart/deviantart.h"
#include "worker/deviation.h"

struct token_keeper;

/* Everything is borrowed. holder: this process' lock token (names the lease). */
struct token_keeper *token_keeper_new(const struct config *config, struct redis *redis,
				      struct postgres *postgres, struct deviantart *deviantart,
				      const char *holder);
void token_keeper_free(struct token_keeper *keeper);

#define TOKEN_REFRESH_BELOW_MS (5 * 60 * 1000)

/*
 * Makes the deviation's access token live at least 5 minutes more; force: refresh whatever its date
 * says (DeviantArt refused it). `watch` is over the waits, `request_watch` over the request itself,
 * which must not be cut off lightly. *refreshed says whether a refresh was made or another's was
 * found. Failures: REFRESH_TOKEN_EXPIRED (believed), OPERATOR, AWAY (with wait_ms while somebody
 * else refreshes), NETWORK_ERROR, ...
 */
bool token_fresh(struct token_keeper *keeper, struct deviation *deviation, bool force,
		 const struct watch *watch, const struct watch *request_watch, bool *refreshed,
		 struct failure *why);

/* Whether token_fresh() would have to ask DeviantArt. */
bool token_is_fresh(const struct deviation *deviation);

/*
 * A pair that is not in PostgreSQL yet is held in memory, and parked in Redis as well; each call
 * tries again. False: it lies nowhere but in memory, and the worker takes no job.
 */
bool token_settle(struct token_keeper *keeper, struct failure *why);

/*
 * The login is dead: every scheduled deviation of the user but this one goes to draft. *ids: their
 * ids as a JSON array text (free()).
 */
bool token_login_dead(struct token_keeper *keeper, const struct deviation *deviation, char **ids,
		      struct failure *why);

/* What artists read then. */
extern const char token_dead_message[];

#endif

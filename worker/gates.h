#ifndef WORKER_GATES_H
#define WORKER_GATES_H
/*
 * gates.h - may this user's next file go to DeviantArt now?             [worker]
 *
 * The adaptive limiter and the circuit breaker, per user, and the application's circuit
 * (contract.md "Shared state in Redis"). One script, lua/gates.lua, does all of it in one atomic
 * step. Slots are reserved in order; who has to wait is told for how long.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/failure.h"
#include "common/redis.h"
#include "common/scoreboard.h"

struct gates;

/* config and redis are borrowed. */
struct gates *gates_new(const struct config *config, struct redis *redis);
void gates_free(struct gates *gates);

struct gates_verdict {
	bool go;
	int64_t wait_ms;       /* when !go: at least 1 */
	char reason[32];       /* "pace", "asked to wait", "circuit", "application circuit" */
	enum wait_reason kind; /* the same, to be counted */
};
/* `who` names what asks ("<deviation>:<file>"): a reservation belongs to it, and a probe. */
bool gates_ask(struct gates *gates, const char *user_id, const char *who,
	       struct gates_verdict *verdict, struct failure *why);

/* A file went through: the pace quickens, the circuit closes. Sent without waiting. */
void gates_ok(struct gates *gates, const char *user_id, const char *who);

/*
 * DeviantArt refused (RATE_LIMIT) or named a quota: *wait_ms is how long to stay away, jitter
 * included (0 to +20 %, never less). When Redis is away the wait is computed from `why` alone.
 */
void gates_refused(struct gates *gates, const char *user_id, const char *who,
		   const struct failure *refusal, int64_t *wait_ms);

/* The job ends without a verdict of DeviantArt: a probe or reservation that it holds is given up.
 * Sent without waiting. */
void gates_leave(struct gates *gates, const char *user_id, const char *who);

#endif

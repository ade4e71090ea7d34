#ifndef WORKER_EXPLAIN_READING_H
#define WORKER_EXPLAIN_READING_H
/*
 * reading.h - facts, as both servers tell them; nothing is changed.    [explain command]
 *
 * reading.c holds what was read, rows.c asks PostgreSQL, queue.c Redis.
 */
#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/failure.h"
#include "common/postgres.h"
#include "common/redis.h"
#include "worker/explain/facts.h"
#include "worker/explain/ident.h"

struct pg_result;
struct redisReply;

struct reading {
	const struct config *config;
	struct database_address database; /* borrows from config */
	struct postgres *postgres;
	struct redis *redis;
	struct facts facts; /* its texts belong to what follows */
	struct pg_result *row, *files, *trail;
	struct redisReply *reply;
	struct facts_file *file_list;
	struct facts_step *step_list;
};

/* Connects to nothing yet. The caller calls reading_fini() in either case. */
bool reading_init(struct reading *reading, const struct config *config, struct failure *why);
void reading_fini(struct reading *reading);

/* Row and journal, from one moment of the database; may be called again. *found false: there is no
 * such deviation. */
bool reading_rows(struct reading *reading, const struct ident *ident, bool *found,
		  struct failure *why);

/* Job, queue and gates, from one moment of Redis, of a deviation whose row was read. False: *why,
 * whose message the facts borrow. */
bool reading_queue(struct reading *reading, struct failure *why);

/* ---- for rows.c and queue.c ---- */

void reading_forget_rows(struct reading *reading);

/* Overwrites what is one of our secrets, or one of the artist's tokens, in a text of others. */
void reading_mask(const struct reading *reading, char *text);

#endif

#ifndef WORKER_HANDS_SERVERS_H
#define WORKER_HANDS_SERVERS_H
/*
 * servers.h - what a command speaks to, by the settings of a publisher. [commands]
 */
#include "common/config.h"
#include "common/failure.h"

struct postgres;
struct queue;
struct redis;

struct servers {
	const struct config *config;
	struct redis *redis;
	struct queue *queue; /* on it */
	struct postgres *postgres;
};

/*
 * Connects to Redis; to PostgreSQL, with a journal in it, where that is asked for: nothing is done
 * by halves because one of them is not there. Gives 0, or the exit status after it was said why.
 * The caller calls servers_close() in either case.
 */
enum servers_wanted { SERVERS_REDIS, SERVERS_BOTH };
int servers_open(struct servers *servers, const struct config *config, enum servers_wanted wanted);
void servers_close(struct servers *servers);

/* A call failed in the middle: says which server, gives 69. */
int servers_redis_failed(const struct failure *why);
int servers_postgres_failed(const struct failure *why);

#endif

#ifndef WORKER_DISPATCHER_PROBE_H
#define WORKER_DISPATCHER_PROBE_H
/*
 * probe.h - whether a server can work for us now.                        [dispatcher]
 *
 * A PING and a SELECT 1 are answered by a replica, by a Redis that is full and by one that lets us
 * run no scripts. So each is asked for what jobs need of it: a script that writes, a database that
 * takes writes.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/redis.h"

struct postgres;
struct queue;

/* Whoever asks has one of his own: threads share none. */
struct probe {
	struct redis_script script;
	char key[512]; /* what is written; it expires within seconds */
};

/* `instance` as in identity.h; the key lies among the private keys of the queue. */
void probe_init(struct probe *probe, const struct queue *queue, const char *instance);

/* FAILURE_AWAY and the server's own words where it cannot work, or did not answer in time. */
bool probe_redis(struct probe *probe, struct redis *redis, int64_t within_ms, struct failure *why);

/* As postgres_run(); a standby and a database that is read-only are away. */
bool probe_postgres(struct postgres *postgres, struct failure *why);

#endif

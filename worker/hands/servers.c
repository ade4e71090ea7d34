/*
 * servers.c - what a command speaks to.                                [commands]
 */
#include "worker/hands/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include "common/json_memory.h"
#include "common/postgres.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "worker/explain/complaint.h"
#include "worker/journal.h"

#define CONNECT_MS 5000

int
servers_redis_failed(const struct failure *why)
{
	return complaint_of_server("Redis", "REDIS_URL", why);
}

int
servers_postgres_failed(const struct failure *why)
{
	return complaint_of_server("PostgreSQL", "DATABASE_URL", why);
}

static int
reach_postgres(struct servers *servers)
{
	struct failure why;

	if (postgres_connect(servers->postgres, CONNECT_MS, &why) &&
	    journal_prepare(servers->postgres, &why))
		return EXIT_SUCCESS;
	if (why.category != FAILURE_OPERATOR)
		return servers_postgres_failed(&why);
	fprintf(stderr,
		"isekai-publisher: %s\n"
		"isekai-publisher: a publisher that is started prints the SQL that makes it\n",
		why.message);
	return EX_CONFIG;
}

int
servers_open(struct servers *servers, const struct config *config, enum servers_wanted wanted)
{
	const struct queue_settings settings = {.prefix = config->queue_prefix,
						.name = config->queue_name,
						.lock_duration_ms = config->lock_duration_ms,
						.limiter_max = config->limiter_max,
						.default_attempts = config->max_attempts};
	struct failure why;

	json_memory_watch();
	*servers = (struct servers){
		.config = config,
		.redis = redis_new(&config->redis, NULL),
		.postgres = postgres_new(&config->database, "isekai-publisher command"),
	};
	if (servers->redis != NULL)
		servers->queue = queue_new(servers->redis, &settings);
	if (servers->queue == NULL || servers->postgres == NULL)
		return complaint_of_memory();
	if (!redis_connect(servers->redis, CONNECT_MS, &why))
		return servers_redis_failed(&why);
	return wanted == SERVERS_BOTH ? reach_postgres(servers) : EXIT_SUCCESS;
}

void
servers_close(struct servers *servers)
{
	queue_free(servers->queue);
	postgres_free(servers->postgres);
	redis_free(servers->redis);
}

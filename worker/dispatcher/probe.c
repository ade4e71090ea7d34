/*
 * probe.c - whether a server can work for us now.                        [dispatcher]
 */
#include "worker/dispatcher/probe.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "common/postgres.h"
#include "common/queue/queue.h"

#define LIFE_MS "10000"

static const struct postgres_statement takes_writes = {
	.name = "publisher_probe", .sql = "SELECT current_setting('transaction_read_only')"};

void
probe_init(struct probe *probe, const struct queue *queue, const char *instance)
{
	char suffix[200];

	*probe = (struct probe){
		.script = {.source = "redis.call('SET', KEYS[1], '', 'PX', ARGV[1]) return 'OK'"}};
	(void)snprintf(suffix, sizeof(suffix), "%s:probe", instance);
	(void)queue_private_key(queue, suffix, probe->key, sizeof(probe->key));
}

bool
probe_redis(struct probe *probe, struct redis *redis, int64_t within_ms, struct failure *why)
{
	const char *const arguments[] = {probe->key, LIFE_MS};
	struct redisReply *reply =
		redis_eval(redis, &probe->script, within_ms, why, 1, 2, arguments, NULL);

	redis_reply_free(reply);
	return reply != NULL;
}

bool
probe_postgres(struct postgres *postgres, struct failure *why)
{
	PGresult *result = POSTGRES_RESULT(postgres_run(postgres, &takes_writes, 0, NULL, why));
	bool writes;

	if (result == NULL)
		return false;
	writes = strcmp(PQgetvalue(result, 0, 0), "off") == 0;
	PQclear(result);
	return writes || failure_set(why, FAILURE_AWAY,
				     "PostgreSQL takes no writes: it is a standby, or "
				     "default_transaction_read_only is on");
}

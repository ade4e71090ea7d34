/*
 * desk.c - what the dispatcher works with.                              [dispatcher]
 */
#include "worker/dispatcher/desk.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/postgres.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "worker/chance.h"
#include "worker/journal.h"

#define REDIS_CONNECT_MS      1500
#define REDIS_PROBE_MS        1500
#define POSTGRES_CONNECT_MS   1500
#define POSTGRES_STATEMENT_MS 3000 /* locks have to be renewed, and the watchdog waits 5 s */
#define WAIT_FIRST_MS         50
#define WAIT_MOST_MS          500 /* one that comes back is to be at work within 2 s */

bool
desk_open(struct desk *desk, const struct child *child, struct failure *why)
{
	const struct config *c = child->config;
	const struct queue_settings settings = {.prefix = c->queue_prefix,
						.name = c->queue_name,
						.lock_duration_ms = c->lock_duration_ms,
						.limiter_max = c->limiter_max,
						.max_stalled_count = c->max_stalled_count,
						.default_attempts = c->max_attempts};

	*desk = (struct desk){.child = child, .config = c, .board = child->board};
	orders_init(&desk->orders, child->control_fd);
	desk->redis_wait_ms = desk->postgres_wait_ms = WAIT_FIRST_MS;
	desk->redis = redis_new(&c->redis, NULL);
	desk->marker = redis_new(&c->redis, NULL);
	desk->postgres = postgres_new(&c->database, "isekai-publisher dispatcher");
	desk->queue = desk->redis == NULL ? NULL : queue_new(desk->redis, &settings);
	if (desk->queue == NULL || desk->marker == NULL || desk->postgres == NULL) {
		failure_set(why, FAILURE_AWAY, "out of memory");
		desk_close(desk);
		return false;
	}
	postgres_set_timeout(desk->postgres, POSTGRES_STATEMENT_MS);
	postgres_count_in(desk->postgres, desk->board, SCOREBOARD_DISPATCHER);
	redis_count_in(desk->redis, desk->board, SCOREBOARD_DISPATCHER);
	probe_init(&desk->probe, desk->queue, child->instance);
	if ((desk->pulse = pulse_start(c, &desk->probe, child->board, why)) != NULL)
		return true;
	desk_close(desk);
	return false;
}

void
desk_close(struct desk *desk)
{
	queue_free(desk->queue);
	redis_free(desk->redis);
	redis_free(desk->marker);
	postgres_free(desk->postgres);
	desk->queue = NULL;
	desk->redis = desk->marker = NULL;
	desk->postgres = NULL;
}

static int64_t
longer(int64_t wait_ms)
{
	return wait_ms * 2 < WAIT_MOST_MS ? wait_ms * 2 : WAIT_MOST_MS;
}

void
desk_redis_failed(struct desk *desk, const struct failure *why)
{
	if (desk->redis_up || desk->redis_again_ms == 0)
		log_failure(LOG_ERROR, "Redis is away", why, NULL);
	desk->redis_up = false;
	desk->redis_again_ms = clock_mono_ms() + chance_around(desk->redis_wait_ms);
	desk->redis_wait_ms = longer(desk->redis_wait_ms);
	pulse_experience(desk->pulse, DEPENDENCY_REDIS, false, why->message);
}

/*
 * Where Redis may evict keys when its memory is full, jobs vanish without a trace
 * (bullmq-protocol.md 17). Node's BullMQ says so when it connects, and so do we. A server that does
 * not let us ask is taken as it is.
 */
static void
warn_of_eviction(struct desk *desk)
{
	const char *const info[] = {"INFO", "memory"}, *policy;
	struct failure why;
	struct redisReply *reply = redis_call(desk->redis, REDIS_PROBE_MS, &why, 2, info, NULL);

	if (reply == NULL)
		return;
	policy = reply->str != NULL ? strstr(reply->str, "maxmemory_policy:") : NULL;
	if (policy != NULL) {
		char name[32];

		policy = strchr(policy, ':') + 1;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(policy, "\r\n"), policy);
		if (strcmp(name, "noeviction") != 0)
			log_event(LOG_WARN,
				  "Redis may evict jobs when its memory is full; "
				  "maxmemory-policy should be noeviction",
				  (struct log_field[]){LOG_STR("maxmemoryPolicy", name), LOG_END});
	}
	redis_reply_free(reply);
}

void
desk_tend_redis(struct desk *desk)
{
	struct failure why;

	if (!desk->redis_up && clock_mono_ms() < desk->redis_again_ms)
		return;
	if (!redis_connect(desk->redis, REDIS_CONNECT_MS, &why) ||
	    !probe_redis(&desk->probe, desk->redis, REDIS_PROBE_MS, &why)) {
		desk_redis_failed(desk, &why);
		return;
	}
	if (!desk->redis_up) {
		log_event(LOG_INFO, "Redis is up", NULL);
		warn_of_eviction(desk);
	}
	desk->redis_up = true;
	desk->redis_wait_ms = WAIT_FIRST_MS;
	pulse_experience(desk->pulse, DEPENDENCY_REDIS, true, "");
}

void
desk_postgres_failed(struct desk *desk, const struct failure *why)
{
	if (desk->postgres_up || desk->postgres_again_ms == 0)
		log_failure(LOG_ERROR, "PostgreSQL is away", why, NULL);
	desk->postgres_up = false;
	desk->postgres_again_ms = clock_mono_ms() + chance_around(desk->postgres_wait_ms);
	desk->postgres_wait_ms = longer(desk->postgres_wait_ms);
	pulse_experience(desk->pulse, DEPENDENCY_POSTGRES, false, why->message);
}

/* Nothing can be published without the journal; who may not create it is told what somebody who may
 * has to run. */
static void
leave_without_journal(struct desk *desk, const struct failure *why)
{
	const char *user = postgres_user(desk->postgres);

	log_failure(
		LOG_ERROR, "The journal's schema is missing", why,
		(struct log_field[]){
			LOG_STR("hint", "a publisher that is started without it prints the SQL"),
			LOG_END});
	if (desk->child->at_start)
		dprintf(STDERR_FILENO,
			"isekai-publisher: %s:\n\n%s\n"
			"GRANT USAGE ON SCHEMA publisher TO \"%s\";\n"
			"GRANT ALL ON ALL TABLES IN SCHEMA publisher TO \"%s\";\n"
			"GRANT ALL ON ALL SEQUENCES IN SCHEMA publisher TO \"%s\";\n",
			why->message, journal_sql(), user, user, user);
	desk_close(desk);
	_exit(CHILD_EXIT_MISCONFIGURED);
}

void
desk_tend_postgres(struct desk *desk)
{
	struct failure why;

	if (!desk->postgres_up && clock_mono_ms() < desk->postgres_again_ms)
		return;
	if (!postgres_connect(desk->postgres, POSTGRES_CONNECT_MS, &why) ||
	    !probe_postgres(desk->postgres, &why) ||
	    !(desk->journal_ready ||
	      (desk->journal_ready = journal_prepare(desk->postgres, &why)))) {
		if (why.category == FAILURE_OPERATOR)
			leave_without_journal(desk, &why);
		desk_postgres_failed(desk, &why);
		return;
	}
	if (!desk->postgres_up)
		log_event(LOG_INFO, "PostgreSQL is up", NULL);
	desk->postgres_up = true;
	desk->postgres_wait_ms = WAIT_FIRST_MS;
	pulse_experience(desk->pulse, DEPENDENCY_POSTGRES, true, "");
}

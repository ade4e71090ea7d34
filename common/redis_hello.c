/*
 * redis_hello.c - a new connection introduces itself.                  [worker, dispatcher]
 *
 * AUTH, SELECT, CLIENT SETNAME, then what was queued while there was no connection. A server's
 * words about AUTH are not passed on: some repeat the arguments in them.
 */
#include "common/redis_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/redis_url.h"
#include "common/scoreboard.h"

/* One command of the handshake, and whether the connection is of use after its reply. */
struct hello {
	const char *argv[3];
	int argc;
	bool (*accept)(const redisReply *reply, struct failure *why);
};

#define HELLOS_MOST 3

static bool
is_authenticated(const redisReply *reply, struct failure *why)
{
	return reply->type != REDIS_REPLY_ERROR ||
	       failure_set(why, FAILURE_AWAY, "Redis: user name or password refused");
}

static bool
is_selected(const redisReply *reply, struct failure *why)
{
	return reply->type != REDIS_REPLY_ERROR ||
	       failure_set(why, FAILURE_AWAY, "Redis: %s", reply->str);
}

/* A server may forbid names to us; one that cannot work now must not be left with a nameless
 * connection. */
static bool
is_named(const redisReply *reply, struct failure *why)
{
	if (reply->type != REDIS_REPLY_ERROR)
		return true;
	if (redis_error_meaning(reply->str) != REDIS_ERROR_PLAIN &&
	    strncmp(reply->str, "NOPERM ", 7) != 0)
		return failure_set(why, FAILURE_AWAY, "Redis: %s", reply->str);
	log_event(LOG_DEBUG, "redis refused the connection's name",
		  (struct log_field[]){LOG_STR("error", reply->str), LOG_END});
	return true;
}

/* What there is to say to this server; `number` holds the database's. */
static int
compose(const struct redis *redis, char number[16], struct hello hellos[HELLOS_MOST])
{
	const struct redis_address *address = redis->address;
	bool has_user = address->user != NULL && address->user[0] != '\0';
	int count = 0;

	if (address->password != NULL && has_user)
		hellos[count++] = (struct hello){
			{"AUTH", address->user, address->password}, 3, is_authenticated};
	else if (address->password != NULL)
		hellos[count++] = (struct hello){{"AUTH", address->password}, 2, is_authenticated};
	snprintf(number, 16, "%d", address->db);
	if (address->db != 0)
		hellos[count++] = (struct hello){{"SELECT", number}, 2, is_selected};
	if (redis->client_name != NULL)
		hellos[count++] =
			(struct hello){{"CLIENT", "SETNAME", redis->client_name}, 3, is_named};
	return count;
}

/* All at once, and then the replies: a server that is far away is waited for once. */
static bool
introduce(struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	struct hello hellos[HELLOS_MOST];
	char number[16];
	int count = compose(redis, number, hellos);

	for (int i = 0; i < count; i++)
		if (!redis_append(redis, why, hellos[i].argc, hellos[i].argv, NULL))
			return false;
	for (int i = 0; i < count; i++) {
		redisReply *reply = NULL;
		bool accepted;

		redis->own = (uint64_t)i + 1;
		if (!redis_pump_or_close(redis, true, deadline_ms, &reply, why))
			return false;
		accepted = hellos[i].accept(reply, why);
		freeReplyObject(reply);
		if (!accepted) {
			redis_close(redis);
			return false;
		}
	}
	return true;
}

/* Commands that were queued while there was no connection go first. */
static bool
append_held(struct redis *redis, struct failure *why)
{
	if (redis->held_count == 0)
		return true;
	if (redisAppendFormattedCommand(redis->context, redis->held, redis->held_size) !=
	    REDIS_OK) {
		redis_close(redis);
		return failure_set(why, FAILURE_AWAY, "Redis: out of memory");
	}
	redis->sent += redis->held_count;
	free(redis->held);
	redis->held = NULL;
	redis->held_size = 0;
	redis->held_count = 0;
	return true;
}

bool
redis_connect(struct redis *redis, int64_t timeout_ms, struct failure *why)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;

	if (redis->context != NULL)
		return true;
	redis->sent = redis->received = redis->own = 0;
	redis->begun_ms = clock_mono_ms();
	redis->connections++;
	if (!redis_open(redis, deadline_ms, why) || !introduce(redis, deadline_ms, why) ||
	    !append_held(redis, why))
		return false;
	if (redis->was_connected && redis->board != NULL)
		scoreboard_count(redis->board, redis->slot, COUNTER_REDIS_RECONNECTS, 1);
	redis->was_connected = true;
	return true;
}

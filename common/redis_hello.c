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

/* One command of the handshake, with its reply. Not for AUTH's words: a server may repeat arguments
 * in them. */
static bool
introduce(struct redis *redis, int64_t deadline_ms, int argc, const char *const *argv,
	  redisReply **reply, struct failure *why)
{
	if (!redis_append(redis, why, argc, argv, NULL))
		return false;
	redis->own = redis->sent;
	return redis_pump_or_close(redis, true, deadline_ms, reply, why);
}

static bool
authenticate(struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	const struct redis_address *address = redis->address;
	const char *argv[3] = {"AUTH"};
	redisReply *reply = NULL;
	int argc = 1;
	bool ok;

	if (address->password == NULL)
		return true;
	if (address->user != NULL && address->user[0] != '\0')
		argv[argc++] = address->user;
	argv[argc++] = address->password;
	if (!introduce(redis, deadline_ms, argc, argv, &reply, why))
		return false;
	ok = reply->type != REDIS_REPLY_ERROR;
	freeReplyObject(reply);
	if (ok)
		return true;
	redis_close(redis);
	return failure_set(why, FAILURE_AWAY, "Redis: user name or password refused");
}

static bool
select_database(struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	char number[16];
	redisReply *reply = NULL;

	if (redis->address->db == 0)
		return true;
	snprintf(number, sizeof(number), "%d", redis->address->db);
	if (!introduce(redis, deadline_ms, 2, (const char *[]){"SELECT", number}, &reply, why))
		return false;
	if (reply->type == REDIS_REPLY_ERROR) {
		failure_set(why, FAILURE_AWAY, "Redis: %s", reply->str);
		freeReplyObject(reply);
		redis_close(redis);
		return false;
	}
	freeReplyObject(reply);
	return true;
}

/* A server may forbid names to us; one that cannot work now must not be left with a nameless
 * connection. */
static bool
tell_name(struct redis *redis, int64_t deadline_ms, struct failure *why)
{
	redisReply *reply = NULL;
	bool ok = true;

	if (redis->client_name == NULL)
		return true;
	if (!introduce(redis, deadline_ms, 3,
		       (const char *[]){"CLIENT", "SETNAME", redis->client_name}, &reply, why))
		return false;
	if (reply->type == REDIS_REPLY_ERROR &&
	    redis_error_meaning(reply->str) != REDIS_ERROR_PLAIN &&
	    strncmp(reply->str, "NOPERM ", 7) != 0) {
		ok = failure_set(why, FAILURE_AWAY, "Redis: %s", reply->str);
		redis_close(redis);
	} else if (reply->type == REDIS_REPLY_ERROR) {
		log_event(LOG_DEBUG, "redis refused the connection's name",
			  (struct log_field[]){LOG_STR("error", reply->str), LOG_END});
	}
	freeReplyObject(reply);
	return ok;
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
	redis->connect_begun_ms = clock_mono_ms();
	if (!redis_open(redis, deadline_ms, why) || !authenticate(redis, deadline_ms, why) ||
	    !select_database(redis, deadline_ms, why) || !tell_name(redis, deadline_ms, why) ||
	    !append_held(redis, why))
		return false;
	if (redis->was_connected && redis->board != NULL)
		scoreboard_count(redis->board, redis->slot, COUNTER_REDIS_RECONNECTS, 1);
	redis->was_connected = true;
	return true;
}

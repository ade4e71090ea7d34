/*
 * redis.c - calls to Redis with deadlines; see redis.h.                [worker, dispatcher]
 */
#include "common/redis_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_REDIS_TLS
#include <openssl/ssl.h>
#endif

#include "common/clock.h"

/* redis_send() starts to write by itself from here on. */
#define SEND_WATERMARK 65536
/* What redis_send() holds while there is no connection. */
#define HELD_MAX 1048576

struct redis *
redis_new(const struct redis_address *address, const char *client_name)
{
	struct redis *redis = calloc(1, sizeof(*redis));

	if (redis == NULL)
		return NULL;
	redis->address = address;
	redis->wake_fd = -1;
	if (client_name != NULL) {
		redis->client_name = strdup(client_name);
		if (redis->client_name == NULL) {
			free(redis);
			return NULL;
		}
	}
	return redis;
}

void
redis_free(struct redis *redis)
{
	if (redis == NULL)
		return;
	redis_close(redis);
#ifdef HAVE_REDIS_TLS
	SSL_CTX_free(redis->tls_context);
#endif
	free(redis->held);
	free(redis->client_name);
	free(redis);
}

void
redis_set_wake_fd(struct redis *redis, int fd)
{
	redis->wake_fd = fd;
}

void
redis_count_in(struct redis *redis, struct scoreboard *board, int slot)
{
	redis->board = board;
	redis->slot = slot;
}

bool
redis_connected(const struct redis *redis)
{
	return redis->context != NULL;
}

void
redis_close(struct redis *redis)
{
	if (redis->context != NULL)
		redisFree(redis->context);
	redis->context = NULL;
	redis->tls = NULL;
	redis_script_forget(redis);
	redis->sent = redis->received = redis->own = 0;
}

int
redis_fd(const struct redis *redis)
{
	return redis->context != NULL ? (int)redis->context->fd : -1;
}

void
redis_reply_free(struct redisReply *reply)
{
	if (reply != NULL)
		freeReplyObject(reply);
}

bool
redis_answer_lost(const struct redis *redis)
{
	return redis->answer_lost;
}

int64_t
redis_last_ok_ms(const struct redis *redis)
{
	return redis->last_ok_ms;
}

/* ---- calls ---- */

redisReply *
redis_exchange(struct redis *redis, int64_t deadline_ms, struct failure *why, int argc,
	       const char *const *argv, const size_t *argv_sizes)
{
	redisReply *reply = NULL;

	redis->answer_lost = false;
	if (redis->own != 0) {
		failure_set(why, FAILURE_UNKNOWN, "Redis: a blocking command is pending");
		return NULL;
	}
	if (!redis_connect(redis, deadline_ms - clock_mono_ms(), why) ||
	    !redis_append(redis, why, argc, argv, argv_sizes))
		return NULL;
	redis->own = redis->sent;
	redis->answer_lost = true;
	if (!redis_pump_or_close(redis, true, deadline_ms, &reply, why))
		return NULL;
	redis->answer_lost = false;
	return reply;
}

struct redisReply *
redis_call(struct redis *redis, int64_t timeout_ms, struct failure *why, int argc,
	   const char *const *argv, const size_t *argv_sizes)
{
	redisReply *reply =
		redis_exchange(redis, clock_mono_ms() + timeout_ms, why, argc, argv, argv_sizes);

	if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
		redis_refuse(redis, reply, why);
		return NULL;
	}
	return reply;
}

/* While there is no connection, commands wait in memory for the next one. */
static bool
hold_command(struct redis *redis, struct failure *why, int argc, const char *const *argv,
	     const size_t *argv_sizes)
{
	char *command = NULL, *grown;
	long long size =
		redisFormatCommandArgv(&command, argc, (const char **)(uintptr_t)argv, argv_sizes);
	size_t wanted;

	if (size < 0)
		return failure_set(why, FAILURE_AWAY, "Redis: out of memory");
	wanted = redis->held_size + (size_t)size;
	grown = wanted <= HELD_MAX ? realloc(redis->held, wanted) : NULL;
	if (grown == NULL) {
		redisFreeCommand(command);
		return failure_set(why, FAILURE_AWAY,
				   "Redis: away, and too much is waiting for it");
	}
	memcpy(grown + redis->held_size, command, (size_t)size);
	redisFreeCommand(command);
	redis->held = grown;
	redis->held_size = wanted;
	redis->held_count++;
	return true;
}

bool
redis_send(struct redis *redis, struct failure *why, int argc, const char *const *argv,
	   const size_t *argv_sizes)
{
	redisReply *none = NULL;

	if (redis->context == NULL)
		return hold_command(redis, why, argc, argv, argv_sizes);
	if (!redis_append(redis, why, argc, argv, argv_sizes))
		return false;
	if (sdslen(redis->context->obuf) < SEND_WATERMARK || redis->own != 0)
		return true;
	/* Much is queued: let go of what the socket takes now, without waiting. */
	return redis_pump(redis, false, clock_mono_ms(), &none, why) != REDIS_FAILED;
}

void
redis_nudge(struct redis *redis)
{
	redisReply *none = NULL;

	if (redis->context != NULL && redis->own == 0)
		(void)redis_pump(redis, false, clock_mono_ms(), &none, NULL);
}

bool
redis_flush(struct redis *redis, int64_t timeout_ms, struct failure *why)
{
	int64_t deadline_ms = clock_mono_ms() + timeout_ms;
	redisReply *none = NULL;

	if (redis->own != 0)
		return failure_set(why, FAILURE_UNKNOWN, "Redis: a blocking command is pending");
	if (redis->context == NULL && redis->held_count == 0)
		return true;
	return redis_connect(redis, timeout_ms, why) &&
	       redis_pump_or_close(redis, false, deadline_ms, &none, why);
}

/* ---- blocking commands ---- */

bool
redis_begin(struct redis *redis, struct failure *why, int argc, const char *const *argv,
	    const size_t *argv_sizes)
{
	if (redis->context == NULL)
		return failure_set(why, FAILURE_AWAY, "Redis: not connected");
	if (redis->own != 0)
		return failure_set(why, FAILURE_UNKNOWN, "Redis: a blocking command is pending");
	if (!redis_append(redis, why, argc, argv, argv_sizes))
		return false;
	redis->own = redis->sent;
	return true;
}

enum redis_wait
redis_wait(struct redis *redis, int64_t timeout_ms, struct redisReply **reply, struct failure *why)
{
	redisReply *got = NULL;
	enum redis_wait result;

	if (redis->context == NULL || redis->own == 0) {
		failure_set(why, FAILURE_AWAY, "Redis: no command is pending");
		return REDIS_FAILED;
	}
	result = redis_pump(redis, true, clock_mono_ms() + timeout_ms, &got, why);
	if (result != REDIS_REPLY_READY)
		return result;
	if (got->type == REDIS_REPLY_ERROR) {
		redis_refuse(redis, got, why);
		redis_close(redis);
		return REDIS_FAILED;
	}
	*reply = got;
	return REDIS_REPLY_READY;
}

/*
 * redis_io.c - bytes out, replies in, and what error replies mean.     [worker, dispatcher]
 *
 * Invariant: a reply is matched to its command by counting (sent, received, own). Whatever could
 * break the count (a timeout, a fault, a wake-up in the middle of a call) closes the connection.
 */
#include "common/redis_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#ifdef HAVE_REDIS_TLS
#include <openssl/ssl.h>
#endif

#include "common/clock.h"
#include "common/log.h"
#include "common/scoreboard_pulse.h"

/* How often a call that waits looks whether that is in vain. */
#define LOOK_MS 250

/* ---- error replies ---- */

static enum redis_error
meaning_of_word(const char *words)
{
	static const struct {
		const char *word;
		enum redis_error meaning;
	} known[] = {
		{"LOADING ", REDIS_ERROR_AWAY_NEW},
		{"READONLY ", REDIS_ERROR_AWAY_NEW},
		{"MASTERDOWN ", REDIS_ERROR_AWAY_NEW},
		{"CLUSTERDOWN ", REDIS_ERROR_AWAY_NEW},
		{"MOVED ", REDIS_ERROR_AWAY_NEW},
		{"ASK ", REDIS_ERROR_AWAY_NEW},
		{"NOAUTH ", REDIS_ERROR_AWAY_NEW},
		{"WRONGPASS ", REDIS_ERROR_AWAY_NEW},
		{"UNBLOCKED ", REDIS_ERROR_AWAY_NEW},
		{"ERR max number of clients", REDIS_ERROR_AWAY_NEW},
		{"BUSY ", REDIS_ERROR_AWAY},
		{"OOM ", REDIS_ERROR_AWAY},
		{"NOREPLICAS ", REDIS_ERROR_AWAY},
		{"MISCONF ", REDIS_ERROR_AWAY},
		{"TRYAGAIN ", REDIS_ERROR_AWAY},
		{"NOPERM ", REDIS_ERROR_AWAY},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(words, known[i].word, strlen(known[i].word)) == 0)
			return known[i].meaning;
	return REDIS_ERROR_PLAIN;
}

enum redis_error
redis_error_meaning(const char *words)
{
	const char *inner;

	/* Redis 6 wraps what a command inside a script said: "ERR Error running script (...): ...:
	 * -OOM ..." */
	if (strncmp(words, "ERR Error running script", 24) == 0) {
		inner = strstr(words, ": -");
		return inner != NULL ? meaning_of_word(inner + 3) : REDIS_ERROR_PLAIN;
	}
	return meaning_of_word(words);
}

/* Frees an error reply and says what it means; closes the connection where a new one may help. */
void
redis_refuse(struct redis *redis, redisReply *reply, struct failure *why)
{
	enum redis_error meaning = redis_error_meaning(reply->str);

	failure_set(why, meaning == REDIS_ERROR_PLAIN ? FAILURE_UNKNOWN : FAILURE_AWAY, "Redis: %s",
		    reply->str);
	if (meaning == REDIS_ERROR_AWAY_NEW)
		redis_close(redis);
	freeReplyObject(reply);
}

/* ---- bytes ---- */

static bool
connection_failed(struct redis *redis, struct failure *why)
{
	const char *words = redis->context->errstr;

	if (redis->context->err == REDIS_ERR_IO && words[0] == '\0')
		words = strerror(errno);
	failure_set(why, FAILURE_AWAY, "Redis: connection lost: %s", words);
	redis_close(redis);
	return false;
}

/*
 * Gives the socket what it takes; *done: nothing is left to be written. hiredis 0.14 makes its
 * buffer anew once it is empty and does not look whether it got one.
 */
static bool
write_buffer(struct redis *redis, bool *done, struct failure *why)
{
	redisContext *context = redis->context;

	if (redisBufferWrite(context, NULL) != REDIS_OK)
		return connection_failed(redis, why);
	if (context->obuf == NULL) {
		failure_set(why, FAILURE_AWAY, "Redis: out of memory");
		redis_close(redis);
		return false;
	}
	*done = sdslen(context->obuf) == 0;
	return true;
}

/* A reply that nobody waits for. */
static void
drop_reply(redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ERROR)
		log_event(LOG_DEBUG, "redis refused a command sent without waiting",
			  (struct log_field[]){LOG_STR("error", reply->str), LOG_END});
	freeReplyObject(reply);
}

/* Takes the own reply out of what has been read; drops the others. *reply stays NULL if it is not
 * there yet. */
static bool
take_reply(struct redis *redis, redisReply **reply, struct failure *why)
{
	void *parsed;

	for (;;) {
		parsed = NULL;
		if (redisReaderGetReply(redis->context->reader, &parsed) != REDIS_OK) {
			failure_set(why, FAILURE_AWAY, "Redis: not the Redis protocol: %s",
				    redis->context->reader->errstr);
			redis_close(redis);
			return false;
		}
		if (parsed == NULL)
			return true;
		redis->received++;
		if (((redisReply *)parsed)->type != REDIS_REPLY_ERROR)
			redis->last_ok_ms = clock_mono_ms();
		if (redis->received == redis->own) {
			redis->own = 0;
			*reply = parsed;
			return true;
		}
		redis_script_heard(redis, parsed);
		drop_reply(parsed);
	}
}

/* Bytes that TLS has decrypted already: poll() does not see them. */
static bool
has_hidden_bytes(const struct redis *redis)
{
#ifdef HAVE_REDIS_TLS
	return redis->tls != NULL && SSL_pending(redis->tls) > 0;
#else
	(void)redis;
	return false;
#endif
}

/*
 * Writes what can be written and, when `until_reply`, reads until the own reply is there; else
 * until everything is written. Reading goes on while writing: a server that waits for us to read
 * its replies would otherwise wait for ever (and we for it). With a deadline in the past it only
 * looks.
 */
enum redis_wait
redis_pump(struct redis *redis, bool until_reply, int64_t deadline_ms, redisReply **reply,
	   struct failure *why)
{
	enum redis_poll result;
	short ready;
	bool written = false;

	*reply = NULL;
	for (;;) {
		if (!take_reply(redis, reply, why))
			return REDIS_FAILED;
		if (*reply != NULL)
			return REDIS_REPLY_READY;
		if (!write_buffer(redis, &written, why))
			return REDIS_FAILED;
		if (written && !until_reply)
			return REDIS_REPLY_READY;
		if (!has_hidden_bytes(redis)) {
			result = redis_poll_until(redis, redis_fd(redis),
						  written ? POLLIN : POLLIN | POLLOUT, deadline_ms,
						  &ready);
			if (result == REDIS_POLL_TIMEOUT)
				return REDIS_WAITING;
			if (result == REDIS_POLL_WOKEN)
				return REDIS_WOKEN;
			if (result == REDIS_POLL_FAILED) {
				failure_set(why, FAILURE_AWAY, "Redis: poll: %s", strerror(errno));
				redis_close(redis);
				return REDIS_FAILED;
			}
			if ((ready & ~POLLOUT) == 0)
				continue;
		}
		if (redisBufferRead(redis->context) != REDIS_OK) {
			connection_failed(redis, why);
			return REDIS_FAILED;
		}
		redis->heard_ms = clock_mono_ms();
	}
}

bool
redis_waits_in_vain(const struct redis *redis, int64_t since_ms)
{
	return redis->board != NULL &&
	       scoreboard_waits_in_vain(redis->board, DEPENDENCY_REDIS, redis->begun_ms,
					redis->heard_ms > since_ms ? redis->heard_ms : since_ms);
}

/* The same, where REDIS_WAITING also means that nothing will come any more. */
static enum redis_wait
pump_while_it_makes_sense(struct redis *redis, bool until_reply, int64_t deadline_ms,
			  redisReply **reply, struct failure *why)
{
	int64_t since_ms = clock_mono_ms();
	enum redis_wait result;

	do {
		int64_t look_ms = clock_mono_ms() + LOOK_MS;

		result = redis_pump(redis, until_reply,
				    look_ms < deadline_ms ? look_ms : deadline_ms, reply, why);
	} while (result == REDIS_WAITING && clock_mono_ms() < deadline_ms &&
		 !redis_waits_in_vain(redis, since_ms));
	/* This process may have stood still meanwhile, and the answer lie there. */
	if (result == REDIS_WAITING)
		result = redis_pump(redis, until_reply, clock_mono_ms(), reply, why);
	return result;
}

/* The same, where anything but success ends the connection. */
bool
redis_pump_or_close(struct redis *redis, bool until_reply, int64_t deadline_ms, redisReply **reply,
		    struct failure *why)
{
	switch (pump_while_it_makes_sense(redis, until_reply, deadline_ms, reply, why)) {
	case REDIS_REPLY_READY:
		return true;
	case REDIS_WAITING:
		failure_set(why, FAILURE_AWAY, "Redis: no answer in time");
		break;
	case REDIS_WOKEN:
		failure_set(why, FAILURE_STOPPED, "stopped while waiting for Redis");
		break;
	case REDIS_FAILED:
		return false;
	}
	redis_close(redis);
	return false;
}

bool
redis_append(struct redis *redis, struct failure *why, int argc, const char *const *argv,
	     const size_t *argv_sizes)
{
	/* hiredis does not change what it is given; its signature lost the const. */
	if (redisAppendCommandArgv(redis->context, argc, (const char **)(uintptr_t)argv,
				   argv_sizes) != REDIS_OK) {
		failure_set(why, FAILURE_AWAY, "Redis: out of memory");
		redis_close(redis);
		return false;
	}
	redis->sent++;
	return true;
}

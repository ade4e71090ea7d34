#ifndef COMMON_REDIS_INTERNAL_H
#define COMMON_REDIS_INTERNAL_H
/*
 * redis_internal.h - what the files of redis.h share; nobody else includes it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "common/redis.h"

struct ssl_st;     /* OpenSSL's SSL */
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

struct redis {
	const struct redis_address *address;
	char *client_name;
	int wake_fd;

	redisContext *context; /* NULL: not connected */
	struct ssl_st *tls;    /* of the connection; owned by the context */
	struct ssl_ctx_st *tls_context;

	/* Replies come in the order of the commands; the one somebody waits for has the number
	 * `own`. */
	uint64_t sent, received, own;

	/* Scripts sent by their hash whose reply has not been read; redis_script.c. */
	struct redis_unheard *unheard, **unheard_end;
	unsigned unheard_count;
	uint64_t connections; /* how many there were */

	/* Commands of redis_send() that were queued while there was no connection, as RESP. */
	char *held;
	size_t held_size;
	unsigned held_count;

	struct scoreboard *board; /* where reconnects are counted; NULL: nowhere */
	int slot;
	bool was_connected;

	bool answer_lost; /* see redis_answer_lost() */
	int64_t last_ok_ms;
	int64_t begun_ms, heard_ms; /* when the connection was begun, and when something came */
};

/* ---- redis_connect.c, redis_tls.c ---- */

/* What poll() said; REDIS_POLL_FAILED: errno is set. */
enum redis_poll { REDIS_POLL_READY, REDIS_POLL_TIMEOUT, REDIS_POLL_WOKEN, REDIS_POLL_FAILED };

/*
 * Waits until fd has one of `events`, the wake descriptor speaks, or clock_mono_ms() reaches
 * deadline_ms. Readiness of fd is preferred to the wake descriptor's: a reply that is already there
 * must not be lost.
 */
enum redis_poll redis_poll_until(const struct redis *redis, int fd, short events,
				 int64_t deadline_ms, short *ready);
/* Turns a poll that did not say READY into a failure. `doing` completes "timed out while ...". */
bool redis_poll_failure(enum redis_poll result, const char *doing, struct failure *why);

/* Opens the socket (and TLS) up to and including redis->context; no command is sent. */
bool redis_open(struct redis *redis, int64_t deadline_ms, struct failure *why);
/* TLS on the socket of redis->context. On false the caller closes. */
bool redis_tls_start(struct redis *redis, int64_t deadline_ms, struct failure *why);

/* ---- redis.c ---- */

/* One command and its reply, whatever it says. */
redisReply *redis_exchange(struct redis *redis, int64_t deadline_ms, struct failure *why, int argc,
			   const char *const *argv, const size_t *argv_sizes);

/* ---- redis_script.c ---- */

/* The reply number redis->received, of a command that nobody waits for, has been read. */
void redis_script_heard(struct redis *redis, const redisReply *reply);
/* The connection is gone, and what was sent on it. */
void redis_script_forget(struct redis *redis);

/* ---- redis_io.c ---- */

/* What an error reply means for the connection. */
enum redis_error {
	REDIS_ERROR_PLAIN,   /* this command was wrong */
	REDIS_ERROR_AWAY,    /* the server cannot work now */
	REDIS_ERROR_AWAY_NEW /* nor will it on this connection: another may reach another server */
};
enum redis_error redis_error_meaning(const char *words);

/* Frees an error reply and says what it means; closes the connection where a new one may help. */
void redis_refuse(struct redis *redis, redisReply *reply, struct failure *why);

/* Puts a command into the output buffer. On false the connection is closed. */
bool redis_append(struct redis *redis, struct failure *why, int argc, const char *const *argv,
		  const size_t *argv_sizes);

/*
 * Writes what can be written and, when `until_reply`, reads until the own reply is there; else
 * until everything is written. With a deadline in the past it only looks.
 */
enum redis_wait redis_pump(struct redis *redis, bool until_reply, int64_t deadline_ms,
			   redisReply **reply, struct failure *why);
/* The same, where anything but success ends the connection. */
bool redis_pump_or_close(struct redis *redis, bool until_reply, int64_t deadline_ms,
			 redisReply **reply, struct failure *why);

#endif

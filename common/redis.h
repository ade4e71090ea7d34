#ifndef COMMON_REDIS_H
#define COMMON_REDIS_H
/*
 * redis.h - one connection to Redis with deadlines.                    [worker, dispatcher]
 *
 * hiredis parses and formats; waiting is ours: every wait is a poll() on the socket and on a
 * descriptor that can wake it (hiredis retries EINTR inside its read, so a signal alone does not
 * leave a call: speed.md 9), with a deadline. A context that failed in any way is closed and never
 * reused; the next call connects anew. There is no terminal state. hiredis 0.14 and 1.x; TLS only
 * where the build has hiredis_ssl.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/failure.h"
#include "common/redis_url.h"

struct redis;
struct scoreboard;
struct redisReply; /* hiredis; free with redis_reply_free() */

/* The process must ignore SIGPIPE: hiredis writes to sockets that the server may have closed. */

/*
 * A connection that is not connected yet. `address` is borrowed and must outlive it. `client_name`
 * (copied; NULL = none) is set by CLIENT SETNAME after every connect (bullmq-protocol.md 17).
 */
struct redis *redis_new(const struct redis_address *address, const char *client_name);
void redis_free(struct redis *redis);

/*
 * A descriptor that ends any wait of this connection as soon as it is readable or hung up (the pipe
 * on which the supervisor speaks to its children); -1 = none, the default. Level-triggered: while
 * nobody reads it, every wait ends. A call that was waiting fails with FAILURE_STOPPED and the
 * connection is closed (its reply would arrive out of order); redis_wait() says REDIS_WOKEN and
 * leaves the choice to its caller.
 *
 * Set it only around waits that may be given up (an idle worker's BRPOPLPUSH) and take it away
 * again: "drain" leaves the pipe readable, and the worker still needs Redis to end the job in hand.
 * A reply that has arrived is preferred to the descriptor, so that nothing popped is lost unseen.
 */
void redis_set_wake_fd(struct redis *redis, int fd);

/* Connects, AUTH, SELECT, CLIENT SETNAME, if not connected. Everything within timeout_ms.
 * FAILURE_AWAY else. */
bool redis_connect(struct redis *redis, int64_t timeout_ms, struct failure *why);
bool redis_connected(const struct redis *redis);
/* From now on each connection that is made anew counts as COUNTER_REDIS_RECONNECTS in that slot. */
void redis_count_in(struct redis *redis, struct scoreboard *board, int slot);
void redis_close(struct redis *redis);
/* The socket, to be polled by an owner that has several things to wait for; -1 when not connected.
 */
int redis_fd(const struct redis *redis);

/*
 * Sends one command and waits for its reply (connecting first if need be). argv_sizes may be NULL
 * for NUL-terminated arguments. NULL on failure: FAILURE_AWAY for a connection fault or an answer
 * that says the server cannot work now (LOADING, READONLY, MASTERDOWN, BUSY, OOM, NOREPLICAS,
 * CLUSTERDOWN, NOAUTH, maxclients,
 * ...); FAILURE_UNKNOWN with the server's words for any other error reply (the connection stays
 * usable then).
 */
struct redisReply *redis_call(struct redis *redis, int64_t timeout_ms, struct failure *why,
			      int argc, const char *const *argv, const size_t *argv_sizes);
void redis_reply_free(struct redisReply *reply);

/*
 * Queues one command whose reply nobody waits for; it leaves with the next call or redis_flush(),
 * and its reply is read and dropped before the next call's own (an error reply is logged at debug).
 * While there is no connection, up to 1 MB of such commands waits in memory for the next one; what
 * had been queued on a connection that failed is gone.
 */
bool redis_send(struct redis *redis, struct failure *why, int argc, const char *const *argv,
		const size_t *argv_sizes);
/* Lets what was queued leave now, as far as the socket takes it; never waits, and does nothing
 * while not connected. */
void redis_nudge(struct redis *redis);
bool redis_flush(struct redis *redis, int64_t timeout_ms, struct failure *why);

/*
 * For blocking commands (BRPOPLPUSH, BZPOPMIN): redis_connect(), send with redis_begin() (which
 * does not connect by itself), then redis_wait() until it says something other than REDIS_WAITING;
 * no redis_call() in between. With timeout_ms 0 redis_wait() only looks. On REDIS_REPLY *reply is
 * the caller's. REDIS_WOKEN: the wake descriptor spoke; the command is still pending (the caller
 * closes the connection or goes on waiting). REDIS_FAILED: *why is set and the connection closed.
 */
enum redis_wait { REDIS_REPLY_READY, REDIS_WAITING, REDIS_WOKEN, REDIS_FAILED };
bool redis_begin(struct redis *redis, struct failure *why, int argc, const char *const *argv,
		 const size_t *argv_sizes);
enum redis_wait redis_wait(struct redis *redis, int64_t timeout_ms, struct redisReply **reply,
			   struct failure *why);

/*
 * A Lua script: its text and, computed at first use, its SHA-1. Runs by EVALSHA in one round trip
 * and falls back to EVAL when the server says NOSCRIPT (which also loads it), with timeout_ms anew;
 * and where its SHA-1 cannot be had.
 * keys and args as in redis_call().
 */
struct redis_script {
	const char *source;
	char sha1[41];     /* empty until first used */
	uint64_t known_on; /* the last connection on which the server was told of it, or knew it */
};
struct redisReply *redis_eval(struct redis *redis, struct redis_script *script, int64_t timeout_ms,
			      struct failure *why, int key_count, int argc, const char *const *argv,
			      const size_t *argv_sizes);

/*
 * The same without waiting, as redis_send(): with its text the first time on a connection, then by
 * its SHA-1; should the server have forgotten it meanwhile (SCRIPT FLUSH), it is sent once more
 * with its text, after whatever was sent since.
 */
bool redis_send_script(struct redis *redis, struct redis_script *script, struct failure *why,
		       int key_count, int argc, const char *const *argv, const size_t *argv_sizes);

/*
 * Whether the last redis_call() or redis_eval() that failed may have taken effect: it was sent, and
 * the connection was lost before its answer. False where nothing was sent, and where the server
 * said no.
 */
bool redis_answer_lost(const struct redis *redis);

/* Of an answer that was due at since_ms, clock_mono_ms(): whether it is to be given up
 * (scoreboard_pulse.h). */
bool redis_waits_in_vain(const struct redis *redis, int64_t since_ms);

/* When the last good reply of this connection was read, clock_mono_ms(); 0 = never. */
int64_t redis_last_ok_ms(const struct redis *redis);

#endif

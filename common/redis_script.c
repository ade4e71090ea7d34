/*
 * redis_script.c - Lua scripts by their hash.                          [worker, dispatcher]
 *
 * A text of ours has up to 20 kB. Its hash has 40 bytes, and saves the server the hashing. What
 * nobody waits for keeps its arguments here until its reply has been read: the server may have
 * forgotten the script.
 */
#include "common/redis_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/clock.h"

/* As many are kept; a further one goes out with its text. */
#define UNHEARD_MOST 64

/* The number of keys, then keys and arguments. */
struct redis_unheard {
	struct redis_unheard *next;
	uint64_t number; /* of its command on the connection */
	const struct redis_script *script;
	int argc;
	size_t sizes[]; /* argc of them; then all bytes */
};

/* False: there is no memory for it, or no SHA-1 on this machine. Then the text goes out. */
static bool
has_hash(struct redis_script *script)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;

	if (script->sha1[0] != '\0')
		return true;
	if (EVP_Digest(script->source, strlen(script->source), digest, &size, EVP_sha1(), NULL) !=
		    1 ||
	    size != 20)
		return false;
	for (size_t i = 0; i < size; i++)
		snprintf(script->sha1 + 2 * i, 3, "%02x", digest[i]);
	return true;
}

/* ---- a command: EVAL text or EVALSHA hash, the number of keys, keys, arguments ---- */

#define COMMAND_HEAD 3

struct command {
	const char **argv;
	size_t *sizes;
	int argc;
	char key_count[16];
};

static void
command_free(struct command *command)
{
	free(command->argv);
	free(command->sizes);
}

static bool
command_make(struct command *command, const char *name, const char *which, int key_count, int argc,
	     const char *const *argv, const size_t *argv_sizes, struct failure *why)
{
	command->argc = argc + COMMAND_HEAD;
	command->argv = malloc((size_t)command->argc * sizeof(*command->argv));
	command->sizes = malloc((size_t)command->argc * sizeof(*command->sizes));
	if (command->argv == NULL || command->sizes == NULL) {
		command_free(command);
		return failure_set(why, FAILURE_AWAY, "Redis: out of memory");
	}
	snprintf(command->key_count, sizeof(command->key_count), "%d", key_count);
	command->argv[0] = name;
	command->argv[1] = which;
	command->argv[2] = command->key_count;
	for (int i = 0; i < argc; i++)
		command->argv[COMMAND_HEAD + i] = argv[i];
	for (int i = 0; i < command->argc; i++)
		command->sizes[i] = i >= COMMAND_HEAD && argv_sizes != NULL
					    ? argv_sizes[i - COMMAND_HEAD]
					    : strlen(command->argv[i]);
	return true;
}

static redisReply *
call(struct redis *redis, const struct redis_script *script, bool by_hash, int64_t timeout_ms,
     struct failure *why, int key_count, int argc, const char *const *argv,
     const size_t *argv_sizes)
{
	struct command command;
	redisReply *reply;

	if (!command_make(&command, by_hash ? "EVALSHA" : "EVAL",
			  by_hash ? script->sha1 : script->source, key_count, argc, argv,
			  argv_sizes, why))
		return NULL;
	reply = redis_exchange(redis, clock_mono_ms() + timeout_ms, why, command.argc, command.argv,
			       command.sizes);
	command_free(&command);
	return reply;
}

static bool
is_unknown_script(const redisReply *reply)
{
	return reply != NULL && reply->type == REDIS_REPLY_ERROR &&
	       strncmp(reply->str, "NOSCRIPT", 8) == 0;
}

struct redisReply *
redis_eval(struct redis *redis, struct redis_script *script, int64_t timeout_ms,
	   struct failure *why, int key_count, int argc, const char *const *argv,
	   const size_t *argv_sizes)
{
	redisReply *reply = call(redis, script, has_hash(script), timeout_ms, why, key_count, argc,
				 argv, argv_sizes);

	if (is_unknown_script(reply)) {
		freeReplyObject(reply);
		/* The server is there, only slow perhaps: the script has its own time. */
		reply = call(redis, script, false, timeout_ms, why, key_count, argc, argv,
			     argv_sizes);
	}
	if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
		redis_refuse(redis, reply, why);
		return NULL;
	}
	if (reply != NULL)
		script->known_on = redis->connections;
	return reply;
}

/* ---- without waiting ---- */

/* A copy of everything but the command's name and the script. NULL: out of memory. */
static struct redis_unheard *
keep(const struct redis_script *script, const struct command *command)
{
	int argc = command->argc - 2;
	size_t size = sizeof(struct redis_unheard) + (size_t)argc * sizeof(size_t);
	struct redis_unheard *kept;
	char *to;

	for (int i = 0; i < argc; i++)
		size += command->sizes[2 + i];
	kept = malloc(size);
	if (kept == NULL)
		return NULL;
	kept->next = NULL;
	kept->script = script;
	kept->argc = argc;
	to = (char *)&kept->sizes[argc];
	for (int i = 0; i < argc; i++) {
		kept->sizes[i] = command->sizes[2 + i];
		memcpy(to, command->argv[2 + i], kept->sizes[i]);
		to += kept->sizes[i];
	}
	return kept;
}

/* As it was kept, with the script's text. What cannot be sent is lost, as all that nobody waits for
 * may be. */
static void
send_again(struct redis *redis, const struct redis_unheard *kept)
{
	int argc = kept->argc + 2;
	const char **argv = malloc((size_t)argc * sizeof(*argv));
	size_t *sizes = malloc((size_t)argc * sizeof(*sizes));
	const char *from = (const char *)&kept->sizes[kept->argc];

	if (argv != NULL && sizes != NULL) {
		argv[0] = "EVAL";
		argv[1] = kept->script->source;
		sizes[0] = 4;
		sizes[1] = strlen(kept->script->source);
		for (int i = 0; i < kept->argc; i++) {
			argv[2 + i] = from;
			sizes[2 + i] = kept->sizes[i];
			from += kept->sizes[i];
		}
		/* Not redis_append(): we are in the middle of reading, nothing may be closed here.
		 */
		if (redisAppendCommandArgv(redis->context, argc, argv, sizes) == REDIS_OK)
			redis->sent++;
	}
	free(argv);
	free(sizes);
}

void
redis_script_heard(struct redis *redis, const redisReply *reply)
{
	struct redis_unheard *first = redis->unheard;

	if (first == NULL || first->number != redis->received)
		return;
	redis->unheard = first->next;
	redis->unheard_count--;
	if (is_unknown_script(reply))
		send_again(redis, first);
	free(first);
}

void
redis_script_forget(struct redis *redis)
{
	for (struct redis_unheard *next; redis->unheard != NULL; redis->unheard = next) {
		next = redis->unheard->next;
		free(redis->unheard);
	}
	redis->unheard_count = 0;
}

/* Of the command that is sent next. */
static void
await(struct redis *redis, struct redis_unheard *kept)
{
	kept->number = redis->sent + 1;
	if (redis->unheard == NULL)
		redis->unheard = kept;
	else
		*redis->unheard_end = kept;
	redis->unheard_end = &kept->next;
	redis->unheard_count++;
}

/* The connection has had the text already, and there is room to remember what was sent. */
static bool
may_go_by_hash(const struct redis *redis, const struct redis_script *script)
{
	return redis->context != NULL && script->known_on == redis->connections &&
	       redis->unheard_count < UNHEARD_MOST;
}

bool
redis_send_script(struct redis *redis, struct redis_script *script, struct failure *why,
		  int key_count, int argc, const char *const *argv, const size_t *argv_sizes)
{
	bool by_hash = may_go_by_hash(redis, script) && has_hash(script), sent;
	struct redis_unheard *kept = NULL;
	struct command command;

	if (!command_make(&command, by_hash ? "EVALSHA" : "EVAL",
			  by_hash ? script->sha1 : script->source, key_count, argc, argv,
			  argv_sizes, why))
		return false;
	if (by_hash && (kept = keep(script, &command)) == NULL) {
		command_free(&command);
		return failure_set(why, FAILURE_AWAY, "Redis: out of memory");
	}
	if (kept != NULL)
		await(redis, kept);
	/* Where it fails, the connection is closed, and forgets what was kept. */
	sent = redis_send(redis, why, command.argc, command.argv, command.sizes);
	command_free(&command);
	if (sent && redis->context != NULL)
		script->known_on = redis->connections;
	return sent;
}

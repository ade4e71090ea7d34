/*
 * sim_redis.c - common/redis.h over the simulated Redis.                [simulator]
 *
 * A call waits while its command is on its way and while the answer is; in between the command
 * takes effect in one step. Either way may be cut. What was on its way when its sender died or its
 * connection broke may arrive later.
 */
#include "common/redis.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/chaos/simulator/checks.h"
#include "tests/chaos/simulator/host.h"
#include "tests/chaos/simulator/process.h"
#include "tests/chaos/simulator/server.h"
#include "tests/chaos/simulator/sim.h"
#include "tests/chaos/simulator/store.h"

#define CONNECTIONS   256
#define PENDING_MOST  256
#define ARGS_MOST     2048
#define HELD_MOST_MS  (120 * 1000)
#define LOOK_AGAIN_MS 400

struct command {
	const char *source; /* a script's text; NULL: a plain command */
	int key_count, argc;
	char **argv;
	uint64_t claim; /* that its sender knew of when it sent it */
};

struct redis {
	int number;
	struct process *owner; /* NULL: the scheduler's own */
	int owner_serial;
	bool connected;
	uint64_t epoch;
	bool answer_lost;
	int wake_fd;
	struct command pending[PENDING_MOST];
	int pending_count;
	/* A blocking command. */
	bool is_blocked;
	uint64_t blocked_since;
	bool pops_minimum; /* BZPOPMIN; else BRPOPLPUSH */
	char keys[2][256];
	int64_t blocked_until_ms;
	redisReply *popped;
};

struct server redis_server = {.up = true, .epoch = 1};

static struct redis *connections[CONNECTIONS];
static uint64_t blocked_serial;

/* ---- commands as values ---- */

static struct command
copy_command(const char *source, int key_count, int argc, const char *const *argv)
{
	struct command command = {.source = source, .key_count = key_count, .argc = argc};

	command.argv = calloc((size_t)argc + 1, sizeof(*command.argv));
	if (command.argv == NULL)
		abort();
	for (int i = 0; i < argc; i++) {
		command.argv[i] = strdup(argv[i]);
		if (command.argv[i] == NULL)
			abort();
	}
	return command;
}

static void
free_command(struct command *command)
{
	for (int i = 0; i < command->argc; i++)
		free(command->argv[i]);
	free(command->argv);
}

static void
serve_blocked(void)
{
	for (;;) {
		struct redis *first = NULL;
		struct store_key *key;

		for (int i = 0; i < CONNECTIONS; i++) {
			struct redis *redis = connections[i];

			if (redis == NULL || !redis->is_blocked || redis->popped != NULL ||
			    redis->epoch != redis_server.epoch ||
			    (first != NULL && first->blocked_since < redis->blocked_since))
				continue;
			key = store_find(redis->keys[0]);
			if (key != NULL && key->count > 0)
				first = redis;
		}
		if (first == NULL)
			return;
		if (first->pops_minimum) {
			const char *const pop[] = {"ZPOPMIN", first->keys[0]};
			redisReply *pair = store_command(2, pop);

			first->popped = store_reply_array(3);
			first->popped->element[0] = store_reply_text(first->keys[0]);
			first->popped->element[1] = store_reply_text(pair->element[0]->str);
			first->popped->element[2] = store_reply_text(pair->element[1]->str);
			redis_reply_free(pair);
		} else {
			const char *const pop[] = {"RPOPLPUSH", first->keys[0], first->keys[1]};

			first->popped = store_command(3, pop);
		}
		if (first->owner != NULL)
			process_wake(first->owner);
	}
}

static const char *
command_name(const struct command *command)
{
	return command->source != NULL ? check_script_name(command->source) : command->argv[0];
}

static redisReply *
execute_command(const struct command *command)
{
	const char *const *argv = (const char *const *)command->argv;
	redisReply *reply;

	if (command->source == NULL) {
		reply = store_command(command->argc, argv);
	} else {
		check_before_script(command->source, command->key_count, command->argc, argv,
				    command->claim);
		reply = store_script(command->source, command->key_count, command->argc, argv);
		check_after_script(command->source, command->key_count, command->argc, argv, reply);
	}
	serve_blocked();
	return reply;
}

/* ---- what arrives without its sender ---- */

/* A stream keeps its order: what was sent before arrives before. */
struct late_commands {
	struct command commands[PENDING_MOST + 1];
	int count;
	uint64_t epoch;
	int64_t held_until_ms; /* the ending of a claim waits for the job's next one so long */
};

struct request {
	struct redis *redis;
	struct command *command;
};

static bool
is_held_back(const struct late_commands *late)
{
	const struct command *last = &late->commands[late->count - 1];

	return sim_now_ms() < late->held_until_ms && redis_server.up &&
	       late->epoch == redis_server.epoch &&
	       !check_is_claimed_again(last->argv[last->key_count], last->claim);
}

static void
arrive(void *argument)
{
	struct late_commands *late = argument;
	bool arrives = redis_server.up && late->epoch == redis_server.epoch;

	if (is_held_back(late)) {
		sim_plan(sim_now_ms() + sim_between(1, LOOK_AGAIN_MS), arrive, late);
		return;
	}
	for (int i = 0; i < late->count; i++) {
		struct command *command = &late->commands[i];

		if (arrives) {
			TRACE("- a late command arrives at Redis: %s", command_name(command));
			redis_reply_free(execute_command(command));
		}
		free_command(command);
	}
	free(late);
}

static struct late_commands *
take_late(const struct request *request)
{
	const struct command *command = request->command;
	struct late_commands *late = calloc(1, sizeof(*late));

	if (late == NULL)
		abort();
	late->count = request->redis->pending_count;
	memcpy(late->commands, request->redis->pending,
	       (size_t)late->count * sizeof(late->commands[0]));
	request->redis->pending_count = 0;
	late->commands[late->count++] =
		copy_command(command->source, command->key_count, command->argc,
			     (const char *const *)command->argv);
	late->commands[late->count - 1].claim = command->claim;
	late->epoch = redis_server.epoch;
	return late;
}

static void
detach(void *argument, int64_t effect_ms)
{
	sim_plan(effect_ms, arrive, take_late(argument));
}

/* The way holds back what its sender will tell again, often until the same process has claimed the
 * same job again: then the token alone does not tell the claims apart. */
static void
come_late(const struct request *request)
{
	struct late_commands *late = take_late(request);

	if (check_ends_a_claim(request->command->source) && sim_chance(5000))
		late->held_until_ms = sim_now_ms() + HELD_MOST_MS;
	sim_count(SIM_LATE_EFFECTS);
	sim_plan(sim_now_ms() + sim_between(0, 2000), arrive, late);
}

/* ---- connections ---- */

struct redis *
redis_new(const struct redis_address *address, const char *client_name)
{
	struct redis *redis = calloc(1, sizeof(*redis));

	(void)address;
	(void)client_name;
	if (redis == NULL)
		abort();
	while (redis->number < CONNECTIONS && connections[redis->number] != NULL)
		redis->number++;
	if (redis->number == CONNECTIONS)
		abort();
	redis->owner = process_current();
	redis->owner_serial = redis->owner != NULL ? redis->owner->serial : 0;
	redis->wake_fd = -1;
	connections[redis->number] = redis;
	return redis;
}

static void
forget_pending(struct redis *redis)
{
	for (int i = 0; i < redis->pending_count; i++)
		free_command(&redis->pending[i]);
	redis->pending_count = 0;
}

void
redis_close(struct redis *redis)
{
	if (redis->connected)
		forget_pending(redis);
	redis->connected = false;
	redis->is_blocked = false;
	redis_reply_free(redis->popped);
	redis->popped = NULL;
}

void
redis_free(struct redis *redis)
{
	if (redis == NULL)
		return;
	redis_close(redis);
	forget_pending(redis);
	connections[redis->number] = NULL;
	free(redis);
}

static bool
is_broken(const struct redis *redis)
{
	return !redis_server.up || redis->epoch != redis_server.epoch;
}

static bool
lost(struct redis *redis, struct failure *why, const char *how)
{
	redis_close(redis);
	return failure_set(why, FAILURE_AWAY, "Redis: %s", how);
}

bool
redis_connect(struct redis *redis, int64_t timeout_ms, struct failure *why)
{
	if (redis->connected && !is_broken(redis))
		return true;
	if (redis->connected && process_current() != NULL) {
		/* The socket was closed by the other side; nobody has read that yet. */
		return true;
	}
	if (process_current() != NULL)
		process_latency();
	if (!redis_server.up) {
		if (timeout_ms > 0 && sim_chance(2000))
			process_wait(sim_now_ms() + timeout_ms, false);
		return failure_set(why, FAILURE_AWAY, "Redis: connection refused");
	}
	redis->connected = true;
	redis->epoch = redis_server.epoch;
	redis->is_blocked = false;
	return true;
}

bool
redis_waits_in_vain(const struct redis *redis, int64_t since_ms)
{
	(void)redis;
	(void)since_ms;
	return false;
}

bool
redis_connected(const struct redis *redis)
{
	return redis->connected;
}

int
redis_fd(const struct redis *redis)
{
	return redis->connected ? SIM_FD_REDIS + redis->number : -1;
}

void
redis_set_wake_fd(struct redis *redis, int fd)
{
	redis->wake_fd = fd;
}

void
redis_count_in(struct redis *redis, struct scoreboard *board, int slot)
{
	(void)redis;
	(void)board;
	(void)slot;
}

void
redis_reply_free(struct redisReply *reply)
{
	if (reply == NULL)
		return;
	for (size_t i = 0; i < reply->elements; i++)
		redis_reply_free(reply->element[i]);
	free(reply->element);
	free(reply->str);
	free(reply);
}

bool
redis_answer_lost(const struct redis *redis)
{
	return redis->answer_lost;
}

int64_t
redis_last_ok_ms(const struct redis *redis)
{
	(void)redis;
	return sim_now_ms();
}

/* ---- calls ---- */

static void
let_pending_arrive(struct redis *redis)
{
	for (int i = 0; i < redis->pending_count; i++)
		redis_reply_free(execute_command(&redis->pending[i]));
	forget_pending(redis);
}

/* How often this command's way is cut: a job that is given back may be claimed again, by the same
 * process too. There are few of these. */
static unsigned
cuts_of(const struct command *command)
{
	const char *name = command_name(command);
	bool gives_back = strcmp(name, "retry_job") == 0 || strcmp(name, "return_job") == 0;

	return (gives_back ? 5 : 1) * weather.cut_redis;
}

static redisReply *
exchange(struct redis *redis, int64_t timeout_ms, struct failure *why, struct command *command)
{
	struct process *p = process_current();
	struct request request = {.redis = redis, .command = command};
	redisReply *reply;
	int64_t end_ms = sim_now_ms() + timeout_ms;

	redis->answer_lost = false;
	if (redis->is_blocked) {
		failure_set(why, FAILURE_UNKNOWN, "Redis: a blocking command is pending");
		return NULL;
	}
	if (p != NULL && command->source != NULL)
		check_sent(p, command->source,
			   (const char *const *)command->argv + command->key_count);
	command->claim = p != NULL ? p->claim : 0;
	if (!redis_connect(redis, timeout_ms, why))
		return NULL;
	if (p != NULL) {
		p->at = command_name(command);
		p->detach = detach;
		p->request = &request;
		process_latency();
		p->detach = NULL;
	}
	redis->answer_lost = true;
	if (is_broken(redis) || sim_now_ms() > end_ms) {
		lost(redis, why, is_broken(redis) ? "connection lost" : "no answer in time");
		return NULL;
	}
	if (p != NULL && sim_strikes(cuts_of(command))) {
		sim_count(SIM_CUTS);
		if (sim_chance(4000))
			come_late(&request);
		TRACE("%s cut from Redis before %s", process_name(p), p->at);
		lost(redis, why, "connection lost before the command arrived");
		return NULL;
	}
	let_pending_arrive(redis);
	reply = execute_command(command);
	if (p != NULL) {
		process_latency();
		if (is_broken(redis) || sim_now_ms() > end_ms || sim_strikes(cuts_of(command))) {
			sim_count(SIM_CUTS);
			TRACE("%s cut from Redis after %s", process_name(p), p->at);
			redis_reply_free(reply);
			lost(redis, why, "connection lost before the answer");
			return NULL;
		}
		if (command->source != NULL)
			check_heard(p, command->source, reply);
	}
	redis->answer_lost = false;
	return reply;
}

static redisReply *
exchange_or_refuse(struct redis *redis, int64_t timeout_ms, struct failure *why,
		   struct command *command)
{
	redisReply *reply = exchange(redis, timeout_ms, why, command);

	if (reply == NULL || reply->type != REDIS_REPLY_ERROR)
		return reply;
	/* None of the servers that say so is simulated: a script is broken. */
	sim_violation("no script breaks", "%s: %s", command_name(command), reply->str);
}

struct redisReply *
redis_call(struct redis *redis, int64_t timeout_ms, struct failure *why, int argc,
	   const char *const *argv, const size_t *argv_sizes)
{
	struct command command = {.argc = argc, .argv = (char **)(uintptr_t)argv};

	(void)argv_sizes;
	return exchange_or_refuse(redis, timeout_ms, why, &command);
}

struct redisReply *
redis_eval(struct redis *redis, struct redis_script *script, int64_t timeout_ms,
	   struct failure *why, int key_count, int argc, const char *const *argv,
	   const size_t *argv_sizes)
{
	struct command command = {.source = script->source,
				  .key_count = key_count,
				  .argc = argc,
				  .argv = (char **)(uintptr_t)argv};

	(void)argv_sizes;
	return exchange_or_refuse(redis, timeout_ms, why, &command);
}

bool
redis_send(struct redis *redis, struct failure *why, int argc, const char *const *argv,
	   const size_t *argv_sizes)
{
	(void)argv_sizes;
	if (redis->pending_count == PENDING_MOST)
		return failure_set(why, FAILURE_AWAY, "Redis: too much is waiting for it");
	redis->pending[redis->pending_count++] = copy_command(NULL, 0, argc, argv);
	return true;
}

bool
redis_send_script(struct redis *redis, struct redis_script *script, struct failure *why,
		  int key_count, int argc, const char *const *argv, const size_t *argv_sizes)
{
	(void)argv_sizes;
	if (redis->pending_count == PENDING_MOST)
		return failure_set(why, FAILURE_AWAY, "Redis: too much is waiting for it");
	redis->pending[redis->pending_count++] =
		copy_command(script->source, key_count, argc, argv);
	return true;
}

void
redis_nudge(struct redis *redis)
{
	if (redis->connected && !is_broken(redis) && !redis->is_blocked)
		let_pending_arrive(redis);
}

bool
redis_flush(struct redis *redis, int64_t timeout_ms, struct failure *why)
{
	if (redis->pending_count == 0)
		return true;
	if (!redis_connect(redis, timeout_ms, why))
		return false;
	process_latency();
	if (is_broken(redis) || sim_strikes(weather.cut_redis))
		return lost(redis, why, "connection lost");
	let_pending_arrive(redis);
	return true;
}

/* ---- blocking commands ---- */

bool
redis_begin(struct redis *redis, struct failure *why, int argc, const char *const *argv,
	    const size_t *argv_sizes)
{
	(void)argv_sizes;
	if (!redis->connected || is_broken(redis))
		return lost(redis, why, "connection lost");
	let_pending_arrive(redis);
	redis->is_blocked = true;
	redis->blocked_since = ++blocked_serial;
	redis->pops_minimum = strcmp(argv[0], "BZPOPMIN") == 0;
	snprintf(redis->keys[0], sizeof(redis->keys[0]), "%s", argv[1]);
	snprintf(redis->keys[1], sizeof(redis->keys[1]), "%s", argc > 3 ? argv[2] : "");
	redis->blocked_until_ms = sim_now_ms() + 1000 * strtoll(argv[argc - 1], NULL, 10);
	redis->owner->at = argv[0];
	serve_blocked();
	return true;
}

static bool
is_readable(const struct redis *redis)
{
	return redis->is_blocked && (redis->popped != NULL || is_broken(redis) ||
				     sim_now_ms() >= redis->blocked_until_ms);
}

static bool
is_woken(const struct redis *redis)
{
	return redis->wake_fd >= 0 &&
	       (redis->owner->order_count > 0 || redis->owner->control_closed);
}

enum redis_wait
redis_wait(struct redis *redis, int64_t timeout_ms, struct redisReply **reply, struct failure *why)
{
	int64_t end_ms = sim_now_ms() + timeout_ms;

	*reply = NULL;
	while (!is_readable(redis) && !is_woken(redis) && sim_now_ms() < end_ms)
		process_wait(end_ms < redis->blocked_until_ms ? end_ms : redis->blocked_until_ms,
			     true);
	if (is_broken(redis) || !redis->is_blocked ||
	    (timeout_ms > 0 && sim_strikes(weather.cut_redis))) {
		lost(redis, why, "connection lost");
		return REDIS_FAILED;
	}
	if (is_readable(redis)) {
		*reply = redis->popped != NULL ? redis->popped : store_reply_text(NULL);
		redis->popped = NULL;
		redis->is_blocked = false;
		return REDIS_REPLY_READY;
	}
	return is_woken(redis) ? REDIS_WOKEN : REDIS_WAITING;
}

/* ---- the server ---- */

bool
server_is_readable(int number)
{
	const struct redis *redis = connections[number];

	return redis != NULL && is_readable(redis);
}

static void
wake_everybody(void)
{
	struct process *p;

	for (int at = 0; (p = process_next(&at)) != NULL;)
		process_wake(p);
}

void
server_redis_down(enum redis_memory memory)
{
	if (!redis_server.up)
		return;
	redis_server.up = false;
	redis_server.epoch++;
	if (memory != REDIS_KEEPS) {
		sim_count(SIM_REDIS_LOSSES);
		check_redis_lost(memory);
	}
	if (memory == REDIS_LOSES_A_SECOND)
		store_lose_last_second();
	else if (memory == REDIS_LOSES_ALL)
		store_lose_all();
	TRACE("- Redis is down%s", memory == REDIS_LOSES_ALL        ? ", and forgets everything"
				   : memory == REDIS_LOSES_A_SECOND ? ", and forgets a second"
								    : "");
	wake_everybody();
}

void
server_redis_up(void)
{
	redis_server.up = true;
	TRACE("- Redis is up");
}

void
server_forget_process(const struct process *p)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		struct redis *redis = connections[i];

		if (redis == NULL || redis->owner != p || redis->owner_serial != p->serial)
			continue;
		/* What was sent without waiting had left, or not. */
		if (redis->connected && !is_broken(redis) && sim_chance(5000))
			let_pending_arrive(redis);
		redis_free(redis);
	}
}

void
server_forget_all(void)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		if (connections[i] != NULL)
			redis_free(connections[i]);
	}
	redis_server = (struct server){.up = true, .epoch = 1};
	postgres_server = (struct server){.up = true, .epoch = 1};
	store_lose_all();
}

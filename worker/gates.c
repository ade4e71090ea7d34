/*
 * gates.c - the limiter and the circuits, by lua/gates.lua.              [worker]
 */
#include "worker/gates.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/chance.h"

#define GATES_TIMEOUT_MS 5000
/* A probe's upload may be long; the lease only has to end some day if its holder does not come
 * back. */
#define PROBE_LEASE_MS 120000
#define KEY_COUNT      6
#define ARG_COUNT      15
/* What a refusal without a number means when Redis cannot tell the adaptive delay. */
#define FALLBACK_WAIT_MS 5000

/* Whatever the state in Redis says (anybody may write there): after a day it is asked again. */
#define LONGEST_WAIT_MS (24LL * 3600 * 1000)

static const char gates_lua[] =
#include "worker/lua/gates.lua.h"
	;

struct gates {
	const struct config *config;
	struct redis *redis;
	struct redis_script script;
	char *keys[KEY_COUNT];
	char args[ARG_COUNT][32];
};

struct gates *
gates_new(const struct config *config, struct redis *redis)
{
	struct gates *gates = calloc(1, sizeof(*gates));

	if (gates == NULL)
		return NULL;
	gates->config = config;
	gates->redis = redis;
	gates->script.source = gates_lua;
	return gates;
}

static void
forget_keys(struct gates *gates)
{
	for (int i = 0; i < KEY_COUNT; i++) {
		free(gates->keys[i]);
		gates->keys[i] = NULL;
	}
}

void
gates_free(struct gates *gates)
{
	if (gates == NULL)
		return;
	forget_keys(gates);
	free(gates);
}

static bool
name_keys(struct gates *gates, const char *user_id)
{
	forget_keys(gates);
	if (asprintf(&gates->keys[0], "rate-limit:%s:state", user_id) < 0)
		gates->keys[0] = NULL;
	if (asprintf(&gates->keys[1], "rate-limit:%s:slots", user_id) < 0)
		gates->keys[1] = NULL;
	if (asprintf(&gates->keys[2], "circuit:deviantart:publish:%s", user_id) < 0)
		gates->keys[2] = NULL;
	gates->keys[3] = strdup("circuit:deviantart:application");
	gates->keys[4] = strdup("circuit:deviantart:index");
	gates->keys[5] = strdup("rate-limit:index");
	for (int i = 0; i < KEY_COUNT; i++) {
		if (gates->keys[i] == NULL)
			return false;
	}
	return true;
}

#define TEXT(i, ...) snprintf(gates->args[i], sizeof(gates->args[i]), __VA_ARGS__)

/* ARGV 3..15 of the script, from the settings and what was refused (NULL = nothing). */
static void
fill_args(struct gates *gates, const struct failure *refusal)
{
	const struct config *c = gates->config;
	const char *whose = "none";

	if (refusal != NULL && refusal->gate == FAILURE_GATE_APPLICATION)
		whose = "application";
	else if (refusal != NULL)
		whose = "user";
	TEXT(2, "%d", c->rate_limiter_enabled ? 1 : 0);
	TEXT(3, "%lld", (long long)c->rate_limiter_base_delay_ms);
	TEXT(4, "%lld", (long long)c->rate_limiter_max_delay_ms);
	TEXT(5, "%d", c->rate_limiter_jitter_percent);
	TEXT(6, "%.6f", c->rate_limiter_success_decrease_factor);
	TEXT(7, "%.6f", c->rate_limiter_failure_increase_factor);
	TEXT(8, "%d", c->circuit_breaker_enabled ? 1 : 0);
	TEXT(9, "%d", c->circuit_breaker_threshold);
	TEXT(10, "%lld", (long long)c->circuit_breaker_open_duration_ms);
	TEXT(11, "%d", PROBE_LEASE_MS);
	TEXT(12, "%u", chance_below(1000000));
	TEXT(13, "%lld", refusal != NULL ? (long long)refusal->wait_ms : -1LL);
	TEXT(14, "%s", whose);
}

/* argv for EVALSHA's tail: the keys, then the arguments. */
static bool
prepare(struct gates *gates, const char *operation, const char *user_id, const char *who,
	const struct failure *refusal, const char *argv[KEY_COUNT + ARG_COUNT], struct failure *why)
{
	if (!name_keys(gates, user_id))
		return failure_set(why, FAILURE_AWAY, "out of memory");
	fill_args(gates, refusal);
	for (int i = 0; i < KEY_COUNT; i++)
		argv[i] = gates->keys[i];
	argv[KEY_COUNT] = operation;
	argv[KEY_COUNT + 1] = who;
	for (int i = 2; i < ARG_COUNT; i++)
		argv[KEY_COUNT + i] = gates->args[i];
	return true;
}

static redisReply *
run(struct gates *gates, const char *operation, const char *user_id, const char *who,
    const struct failure *refusal, struct failure *why)
{
	const char *argv[KEY_COUNT + ARG_COUNT];
	redisReply *reply;

	if (!prepare(gates, operation, user_id, who, refusal, argv, why))
		return NULL;
	reply = redis_eval(gates->redis, &gates->script, GATES_TIMEOUT_MS, why, KEY_COUNT,
			   KEY_COUNT + ARG_COUNT, argv, NULL);
	/* Whatever Redis has against the script is not the post's fault. */
	if (reply == NULL && why != NULL)
		why->category = FAILURE_AWAY;
	return reply;
}

static int64_t
bounded(int64_t wait_ms)
{
	if (wait_ms < 1)
		return 1;
	return wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS;
}

static enum wait_reason
kind_of(const char *reason)
{
	if (strcmp(reason, "application circuit") == 0)
		return WAIT_APPLICATION;
	if (strcmp(reason, "circuit") == 0)
		return WAIT_CIRCUIT;
	return strcmp(reason, "asked to wait") == 0 ? WAIT_ASKED : WAIT_PACE;
}

bool
gates_ask(struct gates *gates, const char *user_id, const char *who, struct gates_verdict *verdict,
	  struct failure *why)
{
	redisReply *reply = run(gates, "ask", user_id, who, NULL, why);
	bool good;

	if (reply == NULL)
		return false;
	good = reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
	       reply->element[0]->type == REDIS_REPLY_STRING &&
	       reply->element[1]->type == REDIS_REPLY_INTEGER &&
	       reply->element[2]->type == REDIS_REPLY_STRING;
	if (good) {
		verdict->go = strcmp(reply->element[0]->str, "GO") == 0;
		verdict->wait_ms = bounded(reply->element[1]->integer);
		snprintf(verdict->reason, sizeof(verdict->reason), "%s", reply->element[2]->str);
		verdict->kind = kind_of(verdict->reason);
	} else {
		failure_set(why, FAILURE_AWAY, "Redis: unexpected answer of the gates script");
	}
	redis_reply_free(reply);
	return good;
}

static void
send_unwatched(struct gates *gates, const char *operation, const char *user_id, const char *who)
{
	const char *argv[KEY_COUNT + ARG_COUNT];

	if (prepare(gates, operation, user_id, who, NULL, argv, NULL))
		redis_send_script(gates->redis, &gates->script, NULL, KEY_COUNT,
				  KEY_COUNT + ARG_COUNT, argv, NULL);
}

void
gates_ok(struct gates *gates, const char *user_id, const char *who)
{
	send_unwatched(gates, "ok", user_id, who);
}

void
gates_leave(struct gates *gates, const char *user_id, const char *who)
{
	send_unwatched(gates, "leave", user_id, who);
}

void
gates_refused(struct gates *gates, const char *user_id, const char *who,
	      const struct failure *refusal, int64_t *wait_ms)
{
	const char *operation = refusal->category == FAILURE_QUOTA_EXCEEDED ? "quota" : "refused";
	redisReply *reply = run(gates, operation, user_id, who, refusal, NULL);
	int64_t wait = refusal->wait_ms >= 0 ? refusal->wait_ms : FALLBACK_WAIT_MS;

	if (reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
	    reply->element[0]->type == REDIS_REPLY_INTEGER && reply->element[0]->integer > 0)
		wait = reply->element[0]->integer;
	redis_reply_free(reply);
	*wait_ms = chance_later(bounded(wait));
}

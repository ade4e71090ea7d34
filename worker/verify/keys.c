/*
 * keys.c - what is ours in Redis ends by itself (I11).                 [verify command]
 *
 * design.md, contract.md "Shared state in Redis": turn lists, tombstones, parked pairs, paces and
 * circuits all have a life. A key may be without one for a moment, between two commands of a living
 * publisher; so only those that nobody touches are suspected.
 */
#include "worker/verify/audit.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "common/redis.h"
#include "worker/verify/scan.h"

#define CALL_MS     10000
#define UNTOUCHED_S 3
#define SETTLE_MS   1000
#define NO_IDLE_MS  10000 /* where the server does not tell how long nobody touched it */

/* An integer reply of one command about a key; -10: the server cannot say. */
static bool
ask(struct audit *audit, int argc, const char *const *argv, long long *answer, struct failure *why)
{
	redisReply *reply = redis_call(audit->redis, CALL_MS, why, argc, argv, NULL);

	*answer = reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -10;
	redis_reply_free(reply);
	return reply != NULL || why->category != FAILURE_AWAY;
}

static bool
look_at_key(struct audit *audit, const char *key, struct failure *why)
{
	const char *const ttl[] = {"PTTL", key}, *const idle[] = {"OBJECT", "IDLETIME", key};
	long long life_ms, idle_s;

	if (!ask(audit, 2, ttl, &life_ms, why))
		return false;
	if (life_ms != -1)
		return true;
	if (!ask(audit, 3, idle, &idle_s, why))
		return false;
	if (idle_s >= UNTOUCHED_S || idle_s == -10)
		audit_suspect(audit, EXAMINER_KEYS, CHECK_NO_TTL, key,
			      idle_s == -10 ? NO_IDLE_MS : SETTLE_MS, "",
			      "it is a publisher's, it never ends, and nobody uses it");
	return true;
}

static bool
is_ours(const char *key)
{
	size_t size = strlen(key);
	const char *const ends[] = {":state", ":slots"};

	if (strncmp(key, "rate-limit:", 11) != 0 || strcmp(key, "rate-limit:index") == 0)
		return true;
	for (size_t i = 0; i < 2; i++)
		if (size > strlen(ends[i]) && strcmp(key + size - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

static bool
on_keys(void *arg, const char *const *keys, size_t count, struct failure *why)
{
	struct audit *audit = arg;

	for (size_t i = 0; i < count; i++) {
		if (!is_ours(keys[i]))
			continue;
		if (audit->first)
			audit->figures[FIGURE_KEYS]++;
		if (!look_at_key(audit, keys[i], why))
			return false;
	}
	return true;
}

bool
examine_keys(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	const char *const shared[] = {AUDIT_NAME_PARKED, "rate-limit:", "circuit:deviantart:"};
	char own[600];

	if (ids != NULL)
		return on_keys(audit, ids, count, why);
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (!scan_keys(audit, shared[i], on_keys, audit, why))
			return false;
	snprintf(own, sizeof(own), "%s-publisher:%s:", audit->config->queue_prefix,
		 audit->config->queue_name);
	return scan_keys(audit, own, on_keys, audit, why);
}

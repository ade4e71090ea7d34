/*
 * neighbours.c - what else the program stands on: clocks, chance, the log, settings, curl, threads.
 * [simulator]
 */
#include "tests/chaos/simulator/neighbours.h"

#include <hiredis/hiredis.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/identity.h"
#include "common/log.h"
#include "common/queue/queue_internal.h"
#include "supervisor/guard.h"
#include "supervisor/notify.h"
#include "tests/chaos/simulator/host.h"
#include "tests/chaos/simulator/process.h"
#include "tests/chaos/simulator/sim.h"
#include "worker/chance.h"
#include "worker/dispatcher/pulse.h"
#include "worker/http/http.h"
#include "worker/http/storage.h"

/* ---- common/clock.h ---- */

int64_t
clock_mono_ms(void)
{
	return sim_now_ms();
}

int64_t
clock_wall_ms(void)
{
	const struct process *p = process_current();

	return sim_now_ms() + SIM_WALL_MS + (p != NULL ? p->host->wall_skew_ms : 0);
}

/* ---- worker/chance.h ---- */

uint32_t
chance_below(uint32_t limit)
{
	return sim_below(limit);
}

int64_t
chance_around(int64_t ms)
{
	int64_t jittered = ms - ms / 5 + sim_between(0, ms * 2 / 5);

	return jittered > 1 ? jittered : 1;
}

int64_t
chance_later(int64_t ms)
{
	return ms + sim_between(0, ms / 5);
}

/* ---- common/log.h: into the trace ---- */

static void
print_line(const char *message, const struct failure *why, const struct log_field *fields)
{
	char line[900];
	size_t used;

	used = (size_t)snprintf(line, sizeof(line), "%s: %s", process_name(process_current()),
				message);
	if (why != NULL && used < sizeof(line))
		used += (size_t)snprintf(line + used, sizeof(line) - used, " [%s] %s",
					 failure_category_name(why->category), why->message);
	for (; fields != NULL && fields->key != NULL && used < sizeof(line); fields++) {
		if (fields->kind != LOG_FIELD_TEXT)
			used += (size_t)snprintf(line + used, sizeof(line) - used, " %s=%lld",
						 fields->key, (long long)fields->number);
		else if (fields->text != NULL)
			used += (size_t)snprintf(line + used, sizeof(line) - used, " %s=%s",
						 fields->key, fields->text);
	}
	sim_trace("%s", line);
}

void
log_event(enum log_level level, const char *message, const struct log_field *fields)
{
	(void)level;
	if (sim_tracing)
		print_line(message, NULL, fields);
}

void
log_failure(enum log_level level, const char *message, const struct failure *why,
	    const struct log_field *fields)
{
	(void)level;
	if (sim_tracing)
		print_line(message, why, fields);
}

void
log_job_begin(const struct log_job *begun)
{
	if (sim_tracing && begun->deviation_id[0] == '\0')
		sim_trace("%s: claimed %s, attempt %d", process_name(process_current()),
			  begun->job_id, begun->attempt_number);
}

void
log_job_end(void)
{
}

void
log_setup(enum log_level level)
{
	(void)level;
}

bool
log_enabled(enum log_level level)
{
	(void)level;
	return false;
}

/* ---- common/identity.h ---- */

void
identity_token(const char *instance, int slot, uint64_t generation, char out[IDENTITY_TOKEN_SIZE])
{
	snprintf(out, IDENTITY_TOKEN_SIZE, "%s.%d.%llu", instance, slot,
		 (unsigned long long)generation);
}

bool
identity_local_prefix(char out[IDENTITY_INSTANCE_SIZE])
{
	snprintf(out, IDENTITY_INSTANCE_SIZE, "ip.%08x.%d.", 0xB0070000U,
		 process_current()->host->number);
	return true;
}

bool
identity_supervisor_is_dead(const char *token)
{
	char prefix[IDENTITY_INSTANCE_SIZE];

	return identity_local_prefix(prefix) && strncmp(token, prefix, strlen(prefix)) == 0 &&
	       host_is_dead_instance(token);
}

/* ---- worker/http/: deviantart.h is simulated as a whole ---- */

struct http {
	int none;
};
struct storage {
	int none;
};

bool
http_global_init(struct failure *why)
{
	(void)why;
	return true;
}

struct http *
http_new(void)
{
	return calloc(1, sizeof(struct http));
}

void
http_free(struct http *http)
{
	free(http);
}

void
http_rest(struct http *http)
{
	(void)http;
}

struct storage *
storage_new(const struct config *config)
{
	(void)config;
	return calloc(1, sizeof(struct storage));
}

void
storage_free(struct storage *storage)
{
	free(storage);
}

/* ---- worker/dispatcher/pulse.h: threads that only feed /ready ---- */

struct pulse {
	int none;
};

struct pulse *
pulse_start(const struct config *config, const struct probe *probe, struct scoreboard *board,
	    struct failure *why)
{
	static struct pulse pulse;

	(void)config;
	(void)probe;
	(void)board;
	(void)why;
	return &pulse;
}

void
pulse_experience(struct pulse *pulse, enum dependency which, bool up, const char *reason)
{
	(void)pulse;
	(void)which;
	(void)up;
	(void)reason;
}

/* ---- supervisor/: systemd and core files ---- */

void
notify_ready(void)
{
}

void
notify_reloading(void)
{
}

void
notify_stopping(void)
{
}

void
guard_follow(enum log_level level)
{
	(void)level;
}

/* ---- what costs more than it is worth here ---- */

struct mallinfo2 __wrap_mallinfo2(void);
struct mallinfo2
__wrap_mallinfo2(void)
{
	return (struct mallinfo2){.arena = 0};
}

#define QUEUES_MOST 4

/* The texts of a queue's scripts are put together once, not once a process. */
bool __real_queue_scripts_load(struct queue *queue);
bool __wrap_queue_scripts_load(struct queue *queue);
void __wrap_queue_scripts_free(struct queue *queue);

static struct queue made[QUEUES_MOST];
static int made_count;

bool
__wrap_queue_scripts_load(struct queue *queue)
{
	int i = 0;

	while (i < made_count && strcmp(made[i].base, queue->base) != 0)
		i++;
	if (i == made_count) {
		if (made_count == QUEUES_MOST || !__real_queue_scripts_load(queue))
			abort();
		made[made_count] = *queue;
		made[made_count].base = strdup(queue->base);
		made_count++;
	}
	memcpy(queue->scripts, made[i].scripts, sizeof(queue->scripts));
	return true;
}

void
__wrap_queue_scripts_free(struct queue *queue)
{
	(void)queue;
}

const char *
neighbours_script_name(const char *source)
{
	static const char *const names[QUEUE_SCRIPT_COUNT] = {
		[QUEUE_SCRIPT_CLAIM] = "claim",         [QUEUE_SCRIPT_END_JOB] = "end_job",
		[QUEUE_SCRIPT_RETRY_JOB] = "retry_job", [QUEUE_SCRIPT_RETURN_JOB] = "return_job",
		[QUEUE_SCRIPT_PROGRESS] = "progress",   [QUEUE_SCRIPT_LOG] = "log",
		[QUEUE_SCRIPT_RENEW] = "renew",         [QUEUE_SCRIPT_LOOK] = "look",
		[QUEUE_SCRIPT_MARKER] = "marker",       [QUEUE_SCRIPT_HAND_BACK] = "hand_back",
		[QUEUE_SCRIPT_TOKENS] = "tokens",       [QUEUE_SCRIPT_STALLED] = "stalled",
		[QUEUE_SCRIPT_COUNTS] = "counts",       [QUEUE_SCRIPT_ADD] = "add",
		[QUEUE_SCRIPT_STATE] = "state",         [QUEUE_SCRIPT_REMOVE_JOB] = "remove_job",
	};

	for (int i = 0; i < made_count; i++) {
		for (int n = 0; n < QUEUE_SCRIPT_COUNT; n++) {
			if (made[i].scripts[n].source == source)
				return names[n];
		}
	}
	/* The only three that are not the queue's. */
	if (strstr(source, "held back longest") != NULL)
		return "held";
	return strstr(source, "halfOpenAttempts") != NULL ? "gates" : "probe";
}

/* What fetch.lua gave; NULL: nothing, or no job. */
static const struct redisReply *
claim_in(const char *name, const struct redisReply *reply)
{
	if (strcmp(name, "claim") != 0)
		reply = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 ? reply->element[1]
										 : NULL;
	return reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 5 ? reply
											 : NULL;
}

const char *
neighbours_claimed(const char *name, const struct redisReply *reply)
{
	const struct redisReply *claim = claim_in(name, reply);

	return claim != NULL && claim->element[0]->str[0] == 'J' ? claim->element[2]->str : NULL;
}

const char *
neighbours_given(const char *name, const struct redisReply *reply)
{
	const struct redisReply *claim = claim_in(name, reply);

	return claim != NULL ? claim->element[2]->str : NULL;
}

bool
neighbours_has_ended(const struct redisReply *reply)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
	       strcmp(reply->element[0]->str, "E") == 0;
}

/*
 * queue.c - job, queue and gates of one deviation, from one moment of Redis.   [explain command]
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/explain/reading.h"
#include "worker/job_data.h"
#include "worker/producer.h"
#include "worker/tools.h"

#define CONNECT_MS 5000
#define CALL_MS    5000

static const char explain_lua[] =
#include "worker/lua/ask.lua.h"
#include "worker/lua/explain.lua.h"
	;

#define KEY_COUNT  5
#define SLOTS_MOST 50 /* files whose places in the artist's line are asked for */

/* The order is that of explain.lua. */
enum element {
	AT_CLOCK,
	AT_PLACE,
	AT_DUE,
	AT_AHEAD,
	AT_LOCK,
	AT_LOCK_LIFE,
	AT_LOG,
	AT_ADDED,
	AT_PRIORITY,
	AT_ATTEMPTS,
	AT_ATTEMPTS_V4,
	AT_STARTED,
	AT_CLAIMED,
	AT_FINISHED,
	AT_FAILED_REASON,
	AT_WORKER,
	AT_PROGRESS,
	AT_OPTIONS,
	AT_QUEUE_PAUSED,
	AT_CONCURRENCY,
	AT_ACTIVE,
	AT_LIMITED,
	AT_SLOT,
	AT_LIMITER,
	AT_CIRCUIT,
	AT_APPLICATION,
	AT_COUNT
};

/* ---- the question ---- */

struct question {
	char keys[KEY_COUNT][400];
	char prefix[600], job_id[JOB_DATA_TEXT_MAX + 16], limit[16];
	char slots[SLOTS_MOST][600];
	const char *argv[KEY_COUNT + 3 + SLOTS_MOST];
	int argc;
};

static bool
fits(int size, size_t room)
{
	return size >= 0 && (size_t)size < room;
}

#define NAME(array, ...) fits(snprintf(array, sizeof(array), __VA_ARGS__), sizeof(array))

static bool
name_keys(struct question *q, const struct facts *f)
{
	const struct config *config = f->config;

	return NAME(q->prefix, "%s:%s:", config->queue_prefix, config->queue_name) &&
	       producer_job_id(f->id, q->job_id, sizeof(q->job_id)) &&
	       NAME(q->keys[0], "%s:%s:meta", config->queue_prefix, config->queue_name) &&
	       NAME(q->keys[1], "rate-limit:%s:state", f->user_id) &&
	       NAME(q->keys[2], "rate-limit:%s:slots", f->user_id) &&
	       NAME(q->keys[3], "circuit:deviantart:publish:%s", f->user_id) &&
	       NAME(q->keys[4], "circuit:deviantart:application");
}

static void
put(struct question *q, const char *argument)
{
	q->argv[q->argc++] = argument;
}

static bool
ask(struct question *q, const struct facts *f)
{
	if (!name_keys(q, f))
		return false;
	q->argc = 0;
	for (int i = 0; i < KEY_COUNT; i++)
		put(q, q->keys[i]);
	put(q, q->prefix);
	put(q, q->job_id);
	snprintf(q->limit, sizeof(q->limit), "%d", f->config->limiter_max);
	put(q, f->config->limiter_max > 0 ? q->limit : "");
	for (size_t i = 0; i < f->files_count && i < SLOTS_MOST; i++) {
		if (NAME(q->slots[i], "%s:%s", f->id, f->files[i].id))
			put(q, q->slots[i]);
	}
	return true;
}

/* ---- the answer ---- */

static const char *
text(const struct reading *reading, const redisReply *element)
{
	if (element->type != REDIS_REPLY_STRING)
		return "";
	reading_mask(reading, element->str);
	return element->str;
}

static int64_t
number(const redisReply *element, int64_t otherwise)
{
	char *end = NULL;
	double value;

	if (element->type == REDIS_REPLY_INTEGER)
		return element->integer;
	if (element->type != REDIS_REPLY_STRING)
		return otherwise;
	value = strtod(element->str, &end);
	if (end == element->str || !(value > -9e15 && value < 9e15))
		return otherwise;
	return (int64_t)value;
}

static void
take_job(struct reading *reading, redisReply *const *e)
{
	struct facts_job *job = &reading->facts.job;

	*job = (struct facts_job){
		.place = facts_place_of(text(reading, e[AT_PLACE])),
		.due_ms = number(e[AT_DUE], 0),
		.ahead = number(e[AT_AHEAD], -1),
		.added_ms = number(e[AT_ADDED], FACTS_NONE),
		.claimed_ms = number(e[AT_CLAIMED], FACTS_NONE),
		.finished_ms = number(e[AT_FINISHED], FACTS_NONE),
		.priority = number(e[AT_PRIORITY], 0),
		.started = number(e[AT_STARTED], 0),
		/* Each attempt is in one of the two (queue_job.c). */
		.attempts_made = number(e[AT_ATTEMPTS], 0) + number(e[AT_ATTEMPTS_V4], 0),
		.worker = text(reading, e[AT_WORKER]),
		.failed_reason = text(reading, e[AT_FAILED_REASON]),
		.log = text(reading, e[AT_LOG]),
		.lock = text(reading, e[AT_LOCK]),
		.lock_ms = number(e[AT_LOCK_LIFE], -1),
	};
	facts_read_options(job, reading->config, text(reading, e[AT_OPTIONS]));
	facts_read_progress(job, text(reading, e[AT_PROGRESS]));
}

static void
take_queue(struct reading *reading, redisReply *const *e)
{
	struct facts *f = &reading->facts;

	f->queue = (struct facts_queue){
		.problem = "",
		.now_ms = number(e[AT_CLOCK], f->now_ms),
		.paused = number(e[AT_QUEUE_PAUSED], 0) != 0,
		.concurrency = number(e[AT_CONCURRENCY], -1),
		.active = number(e[AT_ACTIVE], 0),
		.limited_ms = number(e[AT_LIMITED], 0),
		.workers = -1,
	};
	f->gates.slot_ms = number(e[AT_SLOT], FACTS_NONE);
	facts_read_gates(&f->gates, f->config, f->queue.now_ms, text(reading, e[AT_LIMITER]),
			 text(reading, e[AT_CIRCUIT]), text(reading, e[AT_APPLICATION]));
}

/* ---- who is there to work ---- */

/* bullmq-protocol.md 17; `name` is what all workers of the queue are named, without their own. */
static bool
is_worker(const char *line, size_t size, const char *name, int db)
{
	char copy[1024], wanted[900], where[32];
	const char *at;

	snprintf(copy, sizeof(copy), "%.*s", (int)(size < 1000 ? size : 1000), line);
	snprintf(wanted, sizeof(wanted), " name=%s", name);
	snprintf(where, sizeof(where), " db=%d ", db);
	at = strstr(copy, wanted);
	if (at == NULL || strstr(copy, where) == NULL)
		return false;
	at += strlen(wanted);
	return *at == ' ' || strncmp(at, ":w:", 3) == 0;
}

/* A server that does not tell is asked for nothing else that would be missed. */
static void
count_workers(struct reading *reading)
{
	const char *const argv[] = {"CLIENT", "LIST"};
	char *name = tools_client_name(reading->config, "");
	struct failure ignored;
	redisReply *reply =
		name == NULL ? NULL : redis_call(reading->redis, CALL_MS, &ignored, 2, argv, NULL);
	const char *line = reply != NULL && reply->str != NULL ? reply->str : "";
	int count = 0;

	if (name != NULL) /* "<prefix>:<queue>:w:" */
		name[strlen(name) - strlen(":w:")] = '\0';
	for (size_t size; *line != '\0'; line += size + (line[size] == '\n')) {
		size = strcspn(line, "\n");
		count += is_worker(line, size, name, reading->config->redis.db);
	}
	reading->facts.queue.workers = reply != NULL ? count : -1;
	redis_reply_free(reply);
	free(name);
}

/* ---- asking ---- */

static bool
run(struct reading *reading, const struct question *q, struct failure *why)
{
	static struct redis_script script = {.source = explain_lua};

	if (!redis_connect(reading->redis, CONNECT_MS, why))
		return false;
	redis_reply_free(reading->reply);
	reading->reply = redis_eval(reading->redis, &script, CALL_MS, why, KEY_COUNT, q->argc,
				    q->argv, NULL);
	if (reading->reply == NULL)
		return false;
	return (reading->reply->type == REDIS_REPLY_ARRAY &&
		reading->reply->elements == AT_COUNT) ||
	       failure_set(why, FAILURE_AWAY, "Redis: an answer of another shape");
}

bool
reading_queue(struct reading *reading, struct failure *why)
{
	struct question *question = calloc(1, sizeof(*question));
	bool done = false;

	if (question == NULL)
		failure_set(why, FAILURE_AWAY, "out of memory");
	else if (!ask(question, &reading->facts))
		failure_set(why, FAILURE_AWAY, "its id, or its artist's, is too long for a job's");
	else
		done = run(reading, question, why);
	free(question);
	if (!done) {
		facts_not_asked(&reading->facts, why->message);
		return false;
	}
	take_job(reading, reading->reply->element);
	take_queue(reading, reading->reply->element);
	count_workers(reading);
	return true;
}

/*
 * jobs.c - is the queue as BullMQ leaves queues? (I9)                  [verify command]
 *
 * The first look walks lists, sets and keys a page at a time and looks closely, each in one moment,
 * only at what seems odd. Invariant: no script sees more than a page, and nothing is written.
 */
#include "worker/verify/audit.h"

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/redis.h"
#include "worker/verify/judge.h"
#include "worker/verify/places.h"
#include "worker/verify/scan.h"
#include "worker/verify/secrets.h"
#include "worker/verify/view.h"

#define CALL_MS        10000
#define SOON_MS        1000
#define MARKER_MS      15000 /* workers look by themselves in less */
#define EVENTS_TO_READ "200"
#define TAG_LISTED     'l' /* in one of the lists */
#define TAG_PLACED     'p' /* anywhere */

static const char queue_lua[] =
#include "worker/lua/verify_queue.lua.h"
	;

struct jobs {
	struct audit *audit;
	enum examiner examiner;
	struct view_queue queue;
	struct places *places;
	enum view_list list; /* being walked; VIEW_LISTS: a set */
	const char *key;     /* of what is being walked */
};

/* ---- close looks ---- */

static int64_t
settle_ms(const struct audit *audit, int settle)
{
	switch (settle) {
	case SETTLE_SOON:
		return SOON_MS;
	case SETTLE_LOCK:
		return audit->config->lock_duration_ms + SOON_MS;
	case SETTLE_STALLED:
		return audit_stalled_ms(audit);
	default:
		return AUDIT_SETTLE_MS;
	}
}

static void
search_for_secrets(struct jobs *jobs, const struct view *v)
{
	const struct {
		const char *name, *text;
	} texts[] = {{"data", v->data},
		     {"failedReason", v->failed_reason},
		     {"stacktrace", v->stack_trace},
		     {"returnvalue", v->return_value},
		     {"progress", v->progress},
		     {"log", v->log}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *secret = secrets_find(jobs->audit->secrets, texts[i].text);

		if (secret != NULL)
			audit_suspect(jobs->audit, jobs->examiner, CHECK_SECRET_IN_JOB, v->id,
				      AUDIT_SETTLE_MS, texts[i].name, "its %s holds %s",
				      texts[i].name, secret);
	}
}

static void
judge(struct jobs *jobs, const struct view *v)
{
	struct judgement wrong[JUDGE_MOST];
	size_t count = judge_job(v, wrong);
	char state[200], evidence[700];

	if (strncmp(v->id, "0:", 2) == 0)
		return; /* a marker of BullMQ 4 (6.2) */
	snprintf(evidence, sizeof(evidence), "%s %s %.30s %.30s %.30s %.200s",
		 view_state(v, state, sizeof(state)), v->type, v->timestamp, v->started,
		 v->attempts, v->lock);
	for (size_t i = 0; i < count; i++)
		audit_suspect(jobs->audit, jobs->examiner, wrong[i].check, v->id,
			      settle_ms(jobs->audit, wrong[i].settle), evidence, "%s",
			      wrong[i].text);
}

/* Each of them in one moment. */
static bool
look_closely(struct jobs *jobs, const char *const *ids, size_t count, struct failure *why)
{
	for (size_t at = 0; at < count;) {
		size_t n = count - at < VIEW_MOST_EXACT ? count - at : VIEW_MOST_EXACT;
		struct views views;
		bool done = views_read(jobs->audit, &jobs->queue, &ids[at], n, true, &views, why);

		for (size_t i = 0; i < views.count; i++) {
			judge(jobs, &views.list[i]);
			search_for_secrets(jobs, &views.list[i]);
		}
		views_free(&views);
		if (!done)
			return false;
		at += n;
	}
	return true;
}

/* ---- the first look ---- */

static bool
look_at_views(struct jobs *jobs, const struct views *views, struct failure *why)
{
	for (size_t i = 0; i < views->count; i++) {
		const struct view *v = &views->list[i];
		bool had = places_add(jobs->places, TAG_PLACED, v->id);

		search_for_secrets(jobs, v);
		if (jobs->list != VIEW_LISTS)
			places_add(jobs->places, TAG_LISTED, v->id);
		/* In a set and met before: the sets know of each other, only a list is news. */
		if ((had &&
		     (jobs->list != VIEW_LISTS || places_have(jobs->places, TAG_LISTED, v->id))) ||
		    judge_is_odd(v, jobs->list)) {
			if (!look_closely(jobs, &v->id, 1, why))
				return false;
		}
	}
	return true;
}

static bool
on_ids(void *arg, const char *const *ids, size_t count, struct failure *why)
{
	struct jobs *jobs = arg;

	for (size_t at = 0; at < count;) {
		size_t n = count - at < VIEW_MOST ? count - at : VIEW_MOST;
		struct views views;
		bool done =
			views_read(jobs->audit, &jobs->queue, &ids[at], n, false, &views, why) &&
			look_at_views(jobs, &views, why);

		views_free(&views);
		if (!done)
			return false;
		at += n;
	}
	return true;
}

static bool
walk(struct jobs *jobs, struct failure *why)
{
	static const char *const lists[VIEW_LISTS] = {"wait", "paused", "active"};
	static const char *const sets[] = {"prioritized", "delayed", "completed", "failed",
					   "waiting-children"};
	char key[700];
	bool done = true;

	for (int i = 0; done && i < VIEW_LISTS; i++) {
		jobs->list = (enum view_list)i;
		snprintf(key, sizeof(key), "%s%s", jobs->queue.prefix, lists[i]);
		done = scan_list(jobs->audit, key, on_ids, jobs, why);
	}
	jobs->list = VIEW_LISTS;
	for (size_t i = 0; done && i < sizeof(sets) / sizeof(sets[0]); i++) {
		snprintf(key, sizeof(key), "%s%s", jobs->queue.prefix, sets[i]);
		done = scan_members(jobs->audit, "ZSCAN", key, on_ids, jobs, why);
	}
	return done;
}

/* Ids in `stalled`: whether they are active, each must tell. */
static bool
on_stalled(void *arg, const char *const *ids, size_t count, struct failure *why)
{
	return look_closely(arg, ids, count, why);
}

/* ---- keys ---- */

static bool
is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/* A job's id out of a key's name without the queue's prefix; false: it belongs to no job. */
static bool
job_of_key(const char *name, char *id, size_t id_size)
{
	static const char *const structures[] = {
		"id",       "meta",    "wait",   "paused",           "active",        "prioritized",
		"pc",       "delayed", "marker", "completed",        "failed",        "stalled",
		"repeat",   "limiter", "events", "waiting-children", "stalled-check", "metrics",
		"priority", "delay",   NULL};
	const char *lock;

	if (is_one_of(name, structures) || strncmp(name, "metrics:", 8) == 0 ||
	    strncmp(name, "de:", 3) == 0 || strncmp(name, "dn:", 3) == 0 ||
	    strncmp(name, "repeat:", 7) == 0)
		return false;
	lock = strchr(name, ':');
	if (lock != NULL && strcmp(lock, ":lock") != 0)
		return false;
	return snprintf(id, id_size, "%.*s", (int)(lock != NULL ? lock - name : (long)strlen(name)),
			name) < (int)id_size;
}

/* 15.2: an owner that does not exist, for ever. */
static bool
look_at_dedup(struct jobs *jobs, const char *key, struct failure *why)
{
	const char *const get[] = {"GET", key}, *const ttl[] = {"PTTL", key};
	redisReply *owner = redis_call(jobs->audit->redis, CALL_MS, why, 2, get, NULL);
	redisReply *life =
		owner == NULL ? NULL : redis_call(jobs->audit->redis, CALL_MS, why, 2, ttl, NULL);
	bool done = life != NULL || (owner == NULL && strstr(why->message, "WRONGTYPE") != NULL);

	if (life != NULL && owner->type == REDIS_REPLY_STRING && life->integer == -1) {
		const char *const ids[] = {owner->str};
		struct views views;

		done = views_read(jobs->audit, &jobs->queue, ids, 1, false, &views, why);
		if (done && strcmp(views.list[0].type, "none") == 0)
			audit_suspect(jobs->audit, jobs->examiner, CHECK_DANGLING_DEDUP, key,
				      SOON_MS, owner->str,
				      "its owner, job %.200s, does not exist, and it never ends",
				      owner->str);
		views_free(&views);
	}
	redis_reply_free(owner);
	redis_reply_free(life);
	return done;
}

static bool
on_keys(void *arg, const char *const *keys, size_t count, struct failure *why)
{
	struct jobs *jobs = arg;
	size_t prefix = strlen(jobs->queue.prefix);

	for (size_t i = 0; i < count; i++) {
		const char *name = keys[i] + prefix;
		char id[1024];
		const char *const ids[] = {id};

		if (strncmp(name, "de:", 3) == 0) {
			if (!look_at_dedup(jobs, keys[i], why))
				return false;
		} else if (job_of_key(name, id, sizeof(id)) &&
			   (strchr(name, ':') != NULL
				    ? !places_have(jobs->places, TAG_LISTED, id)
				    : !places_have(jobs->places, TAG_PLACED, id)) &&
			   !look_closely(jobs, ids, 1, why)) {
			return false;
		}
	}
	return true;
}

/* ---- the queue as a whole ---- */

/* Whether a line of CLIENT LIST is of a worker of this queue (17). */
static bool
is_worker(const struct jobs *jobs, const char *line, size_t size)
{
	const struct config *config = jobs->audit->config;
	unsigned char base64[700];
	char name[1100], db[32], text[1200];
	size_t name_size = strlen(jobs->queue.name);

	if (name_size > 500)
		return false;
	EVP_EncodeBlock(base64, (const unsigned char *)jobs->queue.name, (int)name_size);
	snprintf(name, sizeof(name), " name=%.300s:%s:w:", config->queue_prefix, (char *)base64);
	snprintf(db, sizeof(db), " db=%d ", config->redis.db);
	snprintf(text, sizeof(text), "%.*s", (int)size, line);
	return strstr(text, name) != NULL && strstr(text, db) != NULL;
}

static bool
has_worker(struct jobs *jobs, bool *has, struct failure *why)
{
	const char *const argv[] = {"CLIENT", "LIST"};
	redisReply *reply = redis_call(jobs->audit->redis, CALL_MS, why, 2, argv, NULL);

	*has = false;
	for (const char *line = reply != NULL ? reply->str : NULL; line != NULL && *line != '\0';) {
		size_t size = strcspn(line, "\n");

		*has = *has || is_worker(jobs, line, size);
		line += size + (line[size] == '\n');
	}
	redis_reply_free(reply);
	return reply != NULL || why->category != FAILURE_AWAY;
}

static bool
look_at_marker(struct jobs *jobs, redisReply *const *e, struct failure *why)
{
	bool workers, waits = e[0]->integer + e[3]->integer > 0;
	char evidence[600];

	if (!waits || e[2]->integer > 0 || e[8]->integer != 0 || e[9]->integer > 0 ||
	    e[10]->type != REDIS_REPLY_STRING)
		return true;
	if (!has_worker(jobs, &workers, why))
		return false;
	snprintf(evidence, sizeof(evidence), "%.500s %lld", e[10]->str, e[0]->integer);
	if (workers)
		audit_suspect(jobs->audit, jobs->examiner, CHECK_NO_MARKER, jobs->queue.name,
			      MARKER_MS, evidence,
			      "jobs wait, %.200s first; workers are there, none is at work, and no "
			      "marker calls them",
			      e[10]->str);
	return true;
}

static void
take_figures(struct jobs *jobs, redisReply *const *e)
{
	static const enum figure figures[] = {FIGURE_JOBS_WAITING, FIGURE_JOBS_PAUSED,
					      FIGURE_JOBS_ACTIVE,  FIGURE_JOBS_PRIORITIZED,
					      FIGURE_JOBS_DELAYED, FIGURE_JOBS_COMPLETED,
					      FIGURE_JOBS_FAILED,  FIGURE_JOBS_PARENTS};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		jobs->audit->figures[figures[i]] = e[i]->integer;
}

static void
tell_of_shapes(struct jobs *jobs, const redisReply *wrong)
{
	for (size_t i = 0; i + 1 < wrong->elements; i += 2) {
		char key[700];

		snprintf(key, sizeof(key), "%s%s", jobs->queue.prefix, wrong->element[i]->str);
		audit_suspect(jobs->audit, jobs->examiner, CHECK_BAD_TYPE, key, AUDIT_SETTLE_MS,
			      wrong->element[i + 1]->str, "it is of type %s",
			      wrong->element[i + 1]->str);
	}
}

/* *jobs_count: of all states. */
static bool
look_at_whole(struct jobs *jobs, size_t *jobs_count, struct failure *why)
{
	static struct redis_script script = {.source = queue_lua};
	const char *const argv[] = {jobs->queue.meta, jobs->queue.prefix};
	redisReply *reply = redis_eval(jobs->audit->redis, &script, CALL_MS, why, 1, 2, argv, NULL);
	bool done = false;

	*jobs_count = 0;
	if (reply == NULL)
		return false;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 12) {
		failure_set(why, FAILURE_AWAY, "Redis: an answer of another shape");
	} else {
		for (size_t i = 0; i < 8; i++)
			*jobs_count += (size_t)reply->element[i]->integer;
		tell_of_shapes(jobs, reply->element[11]);
		done = look_at_marker(jobs, reply->element, why);
		if (jobs->audit->first && jobs->examiner == EXAMINER_JOBS)
			take_figures(jobs, reply->element);
	}
	redis_reply_free(reply);
	return done;
}

/* ---- events ---- */

static bool
is_json(const char *text)
{
	const char *end = NULL;
	cJSON *value = cJSON_ParseWithOpts(text, &end, true);

	cJSON_Delete(value);
	return value != NULL;
}

/* 13: what QueueEvents parses unguarded; one bad value ends it for good. */
static const char *
fault_of_event(const redisReply *fields)
{
	const char *event = NULL, *value = NULL, *data = NULL;

	for (size_t i = 0; i + 1 < fields->elements; i += 2) {
		const char *name = fields->element[i]->str, *text = fields->element[i + 1]->str;

		if (name == NULL || text == NULL)
			continue;
		if (strcmp(name, "event") == 0)
			event = text;
		else if (strcmp(name, "returnvalue") == 0)
			value = text;
		else if (strcmp(name, "data") == 0)
			data = text;
	}
	if (event == NULL)
		return "it has no field \"event\"";
	if (strcmp(event, "completed") == 0 && (value == NULL || !is_json(value)))
		return "its returnvalue is no JSON: every QueueEvents that reads it ends";
	if (strcmp(event, "progress") == 0 && (data == NULL || !is_json(data)))
		return "its data is no JSON: every QueueEvents that reads it ends";
	return NULL;
}

static bool
look_at_events(struct jobs *jobs, struct failure *why)
{
	char key[700];
	const char *const argv[] = {"XREVRANGE", key, "+", "-", "COUNT", EVENTS_TO_READ};
	redisReply *reply;

	snprintf(key, sizeof(key), "%sevents", jobs->queue.prefix);
	reply = redis_call(jobs->audit->redis, CALL_MS, why, 6, argv, NULL);
	if (reply == NULL)
		return strstr(why->message, "WRONGTYPE") != NULL;
	for (size_t i = 0; i < reply->elements; i++) {
		const redisReply *entry = reply->element[i];
		const char *fault;

		if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
		    entry->element[1]->type != REDIS_REPLY_ARRAY)
			continue;
		fault = fault_of_event(entry->element[1]);
		if (fault != NULL)
			audit_suspect(jobs->audit, jobs->examiner, CHECK_BAD_EVENT,
				      entry->element[0]->str, AUDIT_SETTLE_MS, fault, "%s", fault);
	}
	redis_reply_free(reply);
	return true;
}

/* ---- examiners ---- */

static bool
first_look(struct jobs *jobs, size_t jobs_count, struct failure *why)
{
	char stalled[700];
	bool done;

	jobs->places = places_new(2 * jobs_count + 1000);
	if (jobs->places == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory");
	snprintf(stalled, sizeof(stalled), "%sstalled", jobs->queue.prefix);
	done = walk(jobs, why) &&
	       scan_members(jobs->audit, "SSCAN", stalled, on_stalled, jobs, why) &&
	       scan_keys(jobs->audit, jobs->queue.prefix, on_keys, jobs, why);
	if (done && jobs->examiner == EXAMINER_JOBS) {
		jobs->audit->places = jobs->places;
		jobs->places = NULL;
	}
	places_free(jobs->places);
	jobs->places = NULL;
	return done;
}

/* Ids of jobs, keys and queues are told apart by what they look like. */
static bool
look_again(struct jobs *jobs, const char *const *ids, size_t count, struct failure *why)
{
	char dedup[700];

	snprintf(dedup, sizeof(dedup), "%sde:", jobs->queue.prefix);
	for (size_t i = 0; i < count; i++) {
		if (strncmp(ids[i], dedup, strlen(dedup)) == 0) {
			if (!look_at_dedup(jobs, ids[i], why))
				return false;
		} else if (!look_closely(jobs, &ids[i], 1, why)) {
			return false;
		}
	}
	return true;
}

static bool
examine_queue(struct audit *audit, enum examiner examiner, const char *name, const char *const *ids,
	      size_t count, struct failure *why)
{
	struct jobs jobs = {.audit = audit, .examiner = examiner};
	size_t jobs_count;
	bool done;

	if (!view_queue_init(&jobs.queue, audit, name, why))
		return false;
	done = look_at_whole(&jobs, &jobs_count, why) && look_at_events(&jobs, why) &&
	       (ids == NULL ? first_look(&jobs, jobs_count, why)
			    : look_again(&jobs, ids, count, why));
	view_queue_fini(&jobs.queue);
	return done;
}

bool
examine_jobs(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	return examine_queue(audit, EXAMINER_JOBS, audit->config->queue_name, ids, count, why);
}

bool
examine_cleanup(struct audit *audit, const char *const *ids, size_t count, struct failure *why)
{
	return examine_queue(audit, EXAMINER_CLEANUP, "storage-cleanup", ids, count, why);
}

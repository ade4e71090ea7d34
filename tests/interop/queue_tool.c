/*
 * queue_tool.c - our side of the queue, driven by a test.              [tests]
 *
 *   queue-tool URL PREFIX QUEUE [SETTING=VALUE ...]
 *
 * Reads one JSON object a line ({"cmd": "claim", "token": "t"}), does what it says with
 * common/queue, and answers with one JSON object a line: {"ok": true, ...} or {"ok": false,
 * "category": ..., "error": ...}. Claimed jobs are kept by their id until they are ended. Settings:
 * client (the connection's name), lock_ms, limiter_max, max_stalled, attempts, metrics.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/failure.h"
#include "common/queue/queue.h"
#include "common/redis.h"
#include "common/redis_url.h"

#define JOBS_MAX 256

struct tool {
	struct redis *redis;
	struct queue *queue;
	struct queue_job *jobs[JOBS_MAX];
	cJSON *answer;
	struct failure why;
};

struct command {
	const char *name;
	bool (*run)(struct tool *tool, const cJSON *in);
};

/* ---- arguments ---- */

static const char *
text(const cJSON *in, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(in, name));
}

static const char *
text_or(const cJSON *in, const char *name, const char *otherwise)
{
	const char *value = text(in, name);

	return value != NULL ? value : otherwise;
}

static int64_t
number(const cJSON *in, const char *name, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);

	return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : otherwise;
}

static bool
flag(const cJSON *in, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(in, name));
}

static void
answer_number(struct tool *tool, const char *name, int64_t value)
{
	cJSON_AddNumberToObject(tool->answer, name, (double)value);
}

static void
answer_json(struct tool *tool, const char *name, char *json)
{
	cJSON_AddRawToObject(tool->answer, name, json);
	free(json);
}

/* ---- jobs in hand ---- */

static struct queue_job **
slot_of(struct tool *tool, const char *id)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (id == NULL ? tool->jobs[i] == NULL
			       : tool->jobs[i] != NULL && strcmp(tool->jobs[i]->id, id) == 0)
			return &tool->jobs[i];
	return NULL;
}

static bool
find_job(struct tool *tool, const cJSON *in, struct queue_job ***slot)
{
	const char *id = text_or(in, "id", "");

	*slot = slot_of(tool, id);
	return *slot != NULL ||
	       failure_set(&tool->why, FAILURE_UNKNOWN, "no such job in hand: %s", id);
}

static void
drop_job(struct queue_job **slot)
{
	queue_job_free(*slot);
	*slot = NULL;
}

static cJSON *
job_as_json(const struct queue_job *job)
{
	static const char *const kinds[] = {"none", "fixed", "exponential", "unknown"};
	cJSON *out = cJSON_CreateObject();

	cJSON_AddStringToObject(out, "id", job->id);
	cJSON_AddStringToObject(out, "name", job->name);
	cJSON_AddStringToObject(out, "data", job->data);
	if (job->deferred_failure != NULL)
		cJSON_AddStringToObject(out, "deferred", job->deferred_failure);
	if (job->scheduler_id != NULL)
		cJSON_AddStringToObject(out, "scheduler", job->scheduler_id);
	cJSON_AddNumberToObject(out, "timestamp", (double)job->timestamp_ms);
	cJSON_AddNumberToObject(out, "claimed", (double)job->claimed_ms);
	cJSON_AddNumberToObject(out, "delay", (double)job->delay_ms);
	cJSON_AddNumberToObject(out, "priority", job->priority);
	cJSON_AddNumberToObject(out, "started", job->attempts_started);
	cJSON_AddNumberToObject(out, "made", job->attempts_made);
	cJSON_AddNumberToObject(out, "attempts", job->max_attempts);
	cJSON_AddStringToObject(out, "backoff", kinds[job->backoff.kind]);
	cJSON_AddNumberToObject(out, "backoffDelay", (double)job->backoff.delay_ms);
	cJSON_AddBoolToObject(out, "broken", job->options_broken);
	return out;
}

static cJSON *
claim_as_json(struct tool *tool, const struct queue_claim *claim)
{
	static const char *const states[] = {"job", "none", "paused", "maxed", "limited", "dead"};
	cJSON *out = cJSON_CreateObject();
	struct queue_job **slot;

	cJSON_AddStringToObject(out, "state", states[claim->state]);
	cJSON_AddNumberToObject(out, "due", (double)claim->next_due_ms);
	cJSON_AddNumberToObject(out, "now", (double)claim->now_ms);
	cJSON_AddNumberToObject(out, "wait", (double)claim->wait_ms);
	if (claim->state == QUEUE_CLAIM_JOB) {
		cJSON_AddItemToObject(out, "job", job_as_json(claim->job));
		/* The last claim of a job is the one in hand: an earlier one can end nothing. */
		slot = slot_of(tool, claim->job->id);
		if (slot != NULL)
			drop_job(slot);
		else
			slot = slot_of(tool, NULL);
		if (slot != NULL)
			*slot = claim->job;
		else
			queue_job_free(claim->job);
	}
	return out;
}

static bool
answer_end(struct tool *tool, struct queue_job **slot, const struct queue_next *next,
	   const struct queue_end *end)
{
	static const char *const states[] = {"ended", "lost", "pending-children"};

	cJSON_AddStringToObject(tool->answer, "state", states[end->state]);
	if (end->state != QUEUE_END_PENDING_CHILDREN)
		drop_job(slot);
	if (end->state == QUEUE_ENDED && next != NULL)
		cJSON_AddItemToObject(tool->answer, "next", claim_as_json(tool, &end->next));
	return true;
}

/* ---- commands ---- */

static bool
run_claim(struct tool *tool, const cJSON *in)
{
	struct queue_claim claim = {0};

	if (!queue_claim(tool->queue, text_or(in, "token", "t"), text_or(in, "worker", ""), &claim,
			 &tool->why))
		return false;
	cJSON_AddItemToObject(tool->answer, "claim", claim_as_json(tool, &claim));
	return true;
}

static bool
run_end(struct tool *tool, const cJSON *in)
{
	const char *how = text_or(in, "cmd", ""), *token = text_or(in, "token", "t");
	const char *reason = text_or(in, "reason", "boom"), *stack = text_or(in, "stack", "");
	int64_t delay_ms = number(in, "delay", 0);
	struct queue_next storage = {.worker_name = text_or(in, "worker", "")};
	struct queue_next *next = flag(in, "next") ? &storage : NULL;
	struct queue_end end = {0};
	struct queue_job **slot, *job;
	bool ok;

	if (!find_job(tool, in, &slot))
		return false;
	job = *slot;
	if (strcmp(how, "complete") == 0)
		ok = queue_complete(tool->queue, job, token, text_or(in, "value", "null"), next,
				    &end, &tool->why);
	else if (strcmp(how, "fail") == 0)
		ok = queue_fail(tool->queue, job, token, reason, stack, next, &end, &tool->why);
	else if (strcmp(how, "retry") == 0)
		ok = queue_retry(tool->queue, job, token, delay_ms, reason, stack, next, &end,
				 &tool->why);
	else if (strcmp(how, "defer") == 0)
		ok = queue_defer(tool->queue, job, token, delay_ms, next, &end, &tool->why);
	else {
		next = NULL;
		ok = queue_put_back(tool->queue, job, token, &end, &tool->why);
	}
	return ok && answer_end(tool, slot, next, &end);
}

static bool
run_progress(struct tool *tool, const cJSON *in)
{
	struct queue_job **slot;

	return find_job(tool, in, &slot) &&
	       queue_progress(tool->queue, *slot, text_or(in, "json", "1"), &tool->why) &&
	       redis_flush(tool->redis, 1000, &tool->why);
}

static bool
run_log(struct tool *tool, const cJSON *in)
{
	struct queue_job **slot;

	return find_job(tool, in, &slot) &&
	       queue_log(tool->queue, *slot, text_or(in, "row", ""), &tool->why) &&
	       redis_flush(tool->redis, 1000, &tool->why);
}

static bool
run_renew(struct tool *tool, const cJSON *in)
{
	struct queue_lease lease = {.job_id = text_or(in, "id", ""),
				    .token = text_or(in, "token", "t")};
	bool lost = false;
	int64_t lease_end_mono_ms = 0;

	if (!queue_renew(tool->queue, &lease, 1, &lost, &lease_end_mono_ms, &tool->why))
		return false;
	cJSON_AddBoolToObject(tool->answer, "lost", lost);
	return true;
}

static bool
run_look(struct tool *tool, const cJSON *in)
{
	struct queue_look look = {0};

	(void)in;
	if (!queue_look(tool->queue, &look, &tool->why))
		return false;
	answer_number(tool, "waiting", look.waiting);
	answer_number(tool, "prioritized", look.prioritized);
	answer_number(tool, "active", look.active);
	answer_number(tool, "due", look.next_due_ms);
	answer_number(tool, "room", look.room);
	answer_number(tool, "limited", look.limited_ms);
	cJSON_AddBoolToObject(tool->answer, "paused", look.paused);
	cJSON_AddBoolToObject(tool->answer, "maxed", look.maxed);
	return true;
}

static bool
run_marker(struct tool *tool, const cJSON *in)
{
	(void)in;
	return queue_leave_marker(tool->queue, &tool->why) &&
	       redis_flush(tool->redis, 1000, &tool->why);
}

static bool
run_hand_back(struct tool *tool, const cJSON *in)
{
	char *ids = NULL;

	if (!queue_hand_back(tool->queue, text_or(in, "token", "t"), &ids, &tool->why))
		return false;
	answer_json(tool, "ids", ids);
	return true;
}

static bool
run_tokens(struct tool *tool, const cJSON *in)
{
	char *json = NULL;

	if (!queue_active_tokens(tool->queue, text_or(in, "prefix", ""), &json, &tool->why))
		return false;
	answer_json(tool, "tokens", json);
	return true;
}

static bool
run_stalled(struct tool *tool, const cJSON *in)
{
	struct queue_stalled stalled = {0};

	if (!queue_check_stalled(tool->queue, number(in, "interval", 1000), &stalled, &tool->why))
		return false;
	cJSON_AddBoolToObject(tool->answer, "ran", stalled.ran);
	answer_number(tool, "recovered", stalled.recovered);
	answer_number(tool, "failed", stalled.failed);
	return true;
}

static bool
run_counts(struct tool *tool, const cJSON *in)
{
	struct queue_counts counts = {0};

	(void)in;
	if (!queue_count(tool->queue, &counts, &tool->why))
		return false;
	answer_number(tool, "waiting", counts.waiting);
	answer_number(tool, "paused", counts.paused);
	answer_number(tool, "active", counts.active);
	answer_number(tool, "prioritized", counts.prioritized);
	answer_number(tool, "delayed", counts.delayed);
	answer_number(tool, "completed", counts.completed);
	answer_number(tool, "failed", counts.failed);
	answer_number(tool, "waiting-children", counts.waiting_children);
	return true;
}

static bool
run_add(struct tool *tool, const cJSON *in)
{
	struct queue_add add = {
		.id = text(in, "id"),
		.name = text_or(in, "name", "publish"),
		.data = text_or(in, "data", "{}"),
		.delay_ms = number(in, "delay", 0),
		.priority = (int)number(in, "priority", 0),
		.attempts = (int)number(in, "attempts", 0),
		.backoff_json = text(in, "backoff"),
		.remove_on_complete_json = text(in, "removeOnComplete"),
		.remove_on_fail_json = text(in, "removeOnFail"),
		.replace_finished = flag(in, "replace"),
	};
	enum queue_added added = QUEUE_ADDED;

	if (flag(in, "unwatched"))
		return queue_add_unwatched(tool->queue, &add, &tool->why) &&
		       redis_flush(tool->redis, 1000, &tool->why);
	if (!queue_add(tool->queue, &add, &added, &tool->why))
		return false;
	cJSON_AddBoolToObject(tool->answer, "added", added == QUEUE_ADDED);
	return true;
}

static bool
run_state(struct tool *tool, const cJSON *in)
{
	char state[24];
	int64_t due_ms = 0;

	if (!queue_job_state(tool->queue, text_or(in, "id", ""), state, &due_ms, &tool->why))
		return false;
	cJSON_AddStringToObject(tool->answer, "state", state);
	answer_number(tool, "due", due_ms);
	return true;
}

static bool
run_remove(struct tool *tool, const cJSON *in)
{
	bool removed = false;

	if (!queue_remove(tool->queue, text_or(in, "id", ""), &removed, &tool->why))
		return false;
	cJSON_AddBoolToObject(tool->answer, "removed", removed);
	return true;
}

/* Waits until the marker set has an element, or for `timeout` ms. */
static bool
wait_for_marker(struct tool *tool, int64_t timeout_ms)
{
	const char *argv[] = {"BZPOPMIN", queue_marker_key(tool->queue), "0"};
	struct redisReply *reply = NULL;
	enum redis_wait result;

	if (!redis_connect(tool->redis, 1000, &tool->why) ||
	    !redis_begin(tool->redis, &tool->why, 3, argv, NULL))
		return false;
	result = redis_wait(tool->redis, timeout_ms, &reply, &tool->why);
	redis_reply_free(reply);
	if (result == REDIS_FAILED)
		return false;
	if (result != REDIS_REPLY_READY)
		redis_close(tool->redis);
	return true;
}

/* What a job's data asks for at its first start; otherwise it is completed with {"by": <token>}. */
static bool
end_as_asked(struct tool *tool, const struct queue_job *job, const char *token,
	     const struct queue_next *next, struct queue_end *end, bool *completed)
{
	char value[128];
	bool first = job->attempts_started == 1;

	*completed = false;
	if (first && strstr(job->data, "\"first\":\"retry\"") != NULL)
		return queue_retry(tool->queue, job, token, 0, "boom", "", next, end, &tool->why);
	if (first && strstr(job->data, "\"first\":\"defer\"") != NULL)
		return queue_defer(tool->queue, job, token, 5, next, end, &tool->why);
	if (first && strstr(job->data, "\"first\":\"back\"") != NULL) {
		if (!queue_put_back(tool->queue, job, token, end, &tool->why))
			return false;
		end->next = (struct queue_claim){.state = QUEUE_CLAIM_NONE};
		return true;
	}
	snprintf(value, sizeof(value), "{\"by\":\"%.64s\"}", token);
	if (!queue_complete(tool->queue, job, token, value, next, end, &tool->why))
		return false;
	*completed = end->state == QUEUE_ENDED;
	return true;
}

/* Ends job after job, since the next is claimed in the script that ends the last. */
static bool
work_on(struct tool *tool, const char *token, const struct queue_next *next,
	struct queue_claim *claim, cJSON *ids)
{
	struct queue_end end = {0};
	bool completed;

	while (claim->state == QUEUE_CLAIM_JOB) {
		struct queue_job *job = claim->job;
		bool ok = end_as_asked(tool, job, token, next, &end, &completed);

		if (ok && completed)
			cJSON_AddItemToArray(ids, cJSON_CreateString(job->id));
		queue_job_free(job);
		if (!ok)
			return false;
		*claim = end.next;
		if (end.state != QUEUE_ENDED)
			claim->state = QUEUE_CLAIM_NONE;
	}
	return true;
}

/*
 * Works as an idle worker does, until nothing has come for `idle` ms or the queue has `until`
 * completed jobs. Gives the ids of those that it has completed.
 */
static bool
run_work(struct tool *tool, const cJSON *in)
{
	const char *token = text_or(in, "token", "t"), *worker = text_or(in, "worker", "");
	int64_t idle_ms = number(in, "idle", 500), until = number(in, "until", 0);
	int64_t last_ms = clock_mono_ms();
	struct queue_next next = {.worker_name = worker};
	struct queue_counts counts = {0};
	struct queue_claim claim = {0};
	cJSON *ids = cJSON_AddArrayToObject(tool->answer, "ids");

	while (clock_mono_ms() - last_ms < idle_ms) {
		if (!queue_claim(tool->queue, token, worker, &claim, &tool->why))
			return false;
		if (claim.state == QUEUE_CLAIM_JOB) {
			if (!work_on(tool, token, &next, &claim, ids))
				return false;
			last_ms = clock_mono_ms();
		}
		if (until > 0 && !queue_count(tool->queue, &counts, &tool->why))
			return false;
		if (until > 0 && counts.completed >= until)
			return true;
		if (!wait_for_marker(tool, idle_ms < 2000 ? idle_ms / 20 + 1 : 100))
			return false;
	}
	return true;
}

static bool
run_close(struct tool *tool, const cJSON *in)
{
	(void)in;
	redis_close(tool->redis);
	return true;
}

static const struct command commands[] = {
	{"claim", run_claim},       {"complete", run_end},    {"fail", run_end},
	{"retry", run_end},         {"defer", run_end},       {"put-back", run_end},
	{"progress", run_progress}, {"log", run_log},         {"renew", run_renew},
	{"look", run_look},         {"marker", run_marker},   {"hand-back", run_hand_back},
	{"tokens", run_tokens},     {"stalled", run_stalled}, {"counts", run_counts},
	{"add", run_add},           {"state", run_state},     {"remove", run_remove},
	{"work", run_work},         {"close", run_close},
};

/* ---- the loop ---- */

static bool
run_line(struct tool *tool, const char *line)
{
	cJSON *in = cJSON_Parse(line);
	const char *name = text_or(in, "cmd", "");
	bool ok = false, known = false;

	tool->answer = cJSON_CreateObject();
	failure_set(&tool->why, FAILURE_NONE, "%s", "");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && !known; i++) {
		known = strcmp(commands[i].name, name) == 0;
		if (known)
			ok = commands[i].run(tool, in);
	}
	if (!known)
		failure_set(&tool->why, FAILURE_UNKNOWN, "unknown command: %s", name);
	cJSON_AddBoolToObject(tool->answer, "ok", ok);
	if (!ok) {
		cJSON_AddStringToObject(tool->answer, "category",
					failure_category_name(tool->why.category));
		cJSON_AddStringToObject(tool->answer, "error", tool->why.message);
	}
	cJSON_Delete(in);
	return ok;
}

static void
serve(struct tool *tool)
{
	char *line = NULL, *out;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		run_line(tool, line);
		out = cJSON_PrintUnformatted(tool->answer);
		puts(out != NULL ? out : "{\"ok\":false,\"error\":\"out of memory\"}");
		fflush(stdout);
		free(out);
		cJSON_Delete(tool->answer);
	}
	free(line);
	for (int i = 0; i < JOBS_MAX; i++)
		queue_job_free(tool->jobs[i]);
}

static const char *
text_setting(int argc, char **argv, const char *name)
{
	size_t size = strlen(name);

	for (int i = 4; i < argc; i++)
		if (strncmp(argv[i], name, size) == 0 && argv[i][size] == '=')
			return argv[i] + size + 1;
	return NULL;
}

static int
setting(int argc, char **argv, const char *name, int otherwise)
{
	const char *value = text_setting(argc, argv, name);

	return value != NULL ? (int)strtol(value, NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	struct redis_address address = {0};
	struct tool tool = {0};
	struct queue_settings settings;
	int rc = 1;

	if (argc < 4) {
		fputs("usage: queue-tool URL PREFIX QUEUE [SETTING=VALUE ...]\n", stderr);
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	if (!redis_url_parse(argv[1], &address, &tool.why)) {
		fprintf(stderr, "queue-tool: %s\n", tool.why.message);
		return 64;
	}
	settings = (struct queue_settings){
		.prefix = argv[2],
		.name = argv[3],
		.lock_duration_ms = setting(argc, argv, "lock_ms", 30000),
		.limiter_max = setting(argc, argv, "limiter_max", 0),
		.max_stalled_count = setting(argc, argv, "max_stalled", 1),
		.default_attempts = setting(argc, argv, "attempts", 7),
		.metrics_minutes = setting(argc, argv, "metrics", 0),
	};
	tool.redis = redis_new(&address, text_setting(argc, argv, "client"));
	tool.queue = tool.redis != NULL ? queue_new(tool.redis, &settings) : NULL;
	if (tool.queue != NULL) {
		serve(&tool);
		rc = 0;
	}
	queue_free(tool.queue);
	redis_free(tool.redis);
	redis_address_free(&address);
	return rc;
}

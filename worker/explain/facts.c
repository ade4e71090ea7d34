/*
 * facts.c - what texts of Redis mean.                                  [explain command]
 *
 * Pure. Whatever shape they have, the worst that comes of it is that nothing is known.
 */
#include "worker/explain/facts.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <string.h>

static const char *const place_names[PLACE_COUNT] = {
	[PLACE_NOT_ASKED] = "not asked",
	[PLACE_MISSING] = "missing",
	[PLACE_NOWHERE] = "nowhere",
	[PLACE_WAIT] = "wait",
	[PLACE_PAUSED] = "paused",
	[PLACE_PRIORITIZED] = "prioritized",
	[PLACE_DELAYED] = "delayed",
	[PLACE_ACTIVE] = "active",
	[PLACE_COMPLETED] = "completed",
	[PLACE_FAILED] = "failed",
	[PLACE_CHILDREN] = "waiting-children",
};

const char *
facts_place_name(enum facts_place place)
{
	return place_names[place];
}

enum facts_place
facts_place_of(const char *name)
{
	for (int i = 0; i < PLACE_COUNT; i++) {
		if (strcmp(name, place_names[i]) == 0)
			return (enum facts_place)i;
	}
	return PLACE_NOWHERE;
}

bool
facts_job_lives(const struct facts *facts)
{
	switch (facts->job.place) {
	case PLACE_WAIT:
	case PLACE_PAUSED:
	case PLACE_PRIORITIZED:
	case PLACE_DELAYED:
	case PLACE_ACTIVE:
	case PLACE_CHILDREN:
		return true;
	case PLACE_NOT_ASKED:
	case PLACE_MISSING:
	case PLACE_NOWHERE:
	case PLACE_COMPLETED:
	case PLACE_FAILED:
	case PLACE_COUNT:
		break;
	}
	return false;
}

bool
facts_disagree(const struct facts *facts)
{
	bool open = strcmp(facts->status, "uploading") == 0 ||
		    strcmp(facts->status, "publishing") == 0 ||
		    strcmp(facts->status, "scheduled") == 0;

	return open && facts->job.place != PLACE_NOT_ASKED && !facts_job_lives(facts) &&
	       (strcmp(facts->status, "scheduled") != 0 || facts->due_ms <= facts->now_ms);
}

void
facts_not_asked(struct facts *facts, const char *problem)
{
	facts->job = (struct facts_job){.place = PLACE_NOT_ASKED,
					.due_ms = FACTS_NONE,
					.ahead = -1,
					.added_ms = FACTS_NONE,
					.claimed_ms = FACTS_NONE,
					.finished_ms = FACTS_NONE,
					.worker = "",
					.failed_reason = "",
					.log = "",
					.lock = "",
					.lock_ms = -1,
					.stage = "",
					.percent = -1};
	facts->queue = (struct facts_queue){
		.problem = problem, .now_ms = facts->now_ms, .concurrency = -1, .workers = -1};
	facts->gates = (struct facts_gates){.blocked_until_ms = FACTS_NONE,
					    .slot_ms = FACTS_NONE,
					    .circuit_until_ms = FACTS_NONE,
					    .application_until_ms = FACTS_NONE};
}

/* ---- JSON of others ---- */

static int64_t
number(const cJSON *object, const char *name, int64_t otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!cJSON_IsNumber(item) || !(item->valuedouble > -9e15 && item->valuedouble < 9e15))
		return otherwise;
	return (int64_t)item->valuedouble;
}

static const char *
word(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

struct circuit {
	int64_t until_ms; /* FACTS_NONE: it lets through */
	bool probing, closed;
	int64_t failures;
};

/* When an open circuit may be probed: `openUntil` is ours; others mean its open duration. */
static struct circuit
read_circuit(const char *text, int64_t open_ms, int64_t now_ms)
{
	cJSON *object = cJSON_Parse(text);
	const cJSON *settings = cJSON_GetObjectItemCaseSensitive(object, "config");
	const char *state = word(object, "state");
	bool open = strcmp(state, "OPEN") == 0, half_open = strcmp(state, "HALF_OPEN") == 0;
	int64_t end_ms =
		number(object, "lastFailureTime", 0) + number(settings, "openDuration", open_ms);
	struct circuit circuit = {.until_ms = FACTS_NONE,
				  .closed = !open && !half_open,
				  .failures = number(object, "failures", 0)};

	end_ms = open ? number(object, "openUntil", end_ms) : number(object, "probeUntil", 0);
	if (!circuit.closed && end_ms > now_ms)
		circuit.until_ms = end_ms;
	circuit.probing = half_open && circuit.until_ms != FACTS_NONE;
	cJSON_Delete(object);
	return circuit;
}

void
facts_read_gates(struct facts_gates *gates, const struct config *config, int64_t now_ms,
		 const char *limiter, const char *circuit, const char *application)
{
	int64_t open_ms = config->circuit_breaker_open_duration_ms;
	struct circuit artist = read_circuit(circuit, open_ms, now_ms);
	struct circuit all = read_circuit(application, open_ms, now_ms);
	cJSON *state = cJSON_Parse(limiter);
	int64_t blocked_ms = number(state, "blockedUntil", 0);

	gates->delay_ms = number(state, "delay", FACTS_NONE);
	cJSON_Delete(state);
	if (!config->circuit_breaker_enabled)
		artist = (struct circuit){
			.until_ms = FACTS_NONE, .closed = true, .failures = artist.failures};
	gates->blocked_until_ms = blocked_ms > now_ms ? blocked_ms : FACTS_NONE;
	gates->circuit_until_ms = artist.until_ms;
	gates->circuit_probing = artist.probing;
	gates->circuit_closed = artist.closed;
	gates->refusals = artist.failures;
	gates->application_until_ms = all.until_ms;
	gates->application_probing = all.probing;
	gates->application_closed = all.closed;
}

void
facts_read_options(struct facts_job *job, const struct config *config, const char *opts)
{
	cJSON *options = cJSON_Parse(opts);
	int64_t attempts = number(options, "attempts", 0);

	cJSON_Delete(options);
	job->max_attempts = attempts > 0 ? attempts : config->max_attempts;
}

static int
small(const cJSON *object, const char *name, int otherwise)
{
	int64_t value = number(object, name, otherwise);

	return value >= 0 && value <= INT_MAX ? (int)value : otherwise;
}

void
facts_read_progress(struct facts_job *job, const char *progress)
{
	static const char *const stages[] = {"loading", "uploading", "publishing"};
	cJSON *object = cJSON_Parse(progress);

	job->stage = "";
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		if (strcmp(word(object, "step"), stages[i]) == 0)
			job->stage = stages[i];
	}
	job->percent = small(object, "percent", -1);
	job->file = small(object, "file", 0);
	job->files = small(object, "files", 0);
	cJSON_Delete(object);
}

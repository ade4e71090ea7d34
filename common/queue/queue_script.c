/*
 * queue_script.c - puts the Lua scripts together.                      [worker, dispatcher]
 *
 * A script is its own text with the parts it uses in front. The queue's keys are written into the
 * text once, when the queue is opened ("@x and "!x, see lua/base.lua), so that no script puts a key
 * together that it could have known.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/queue/queue_internal.h"

static const char add_lua[] =
#include "common/queue/lua/add.lua.h"
	;
static const char base_lua[] =
#include "common/queue/lua/base.lua.h"
	;
static const char claim_lua[] =
#include "common/queue/lua/claim.lua.h"
	;
static const char counts_lua[] =
#include "common/queue/lua/counts.lua.h"
	;
static const char dedup_lua[] =
#include "common/queue/lua/dedup.lua.h"
	;
static const char delayed_lua[] =
#include "common/queue/lua/delayed.lua.h"
	;
static const char end_job_lua[] =
#include "common/queue/lua/end_job.lua.h"
	;
static const char enqueue_lua[] =
#include "common/queue/lua/enqueue.lua.h"
	;
static const char fetch_lua[] =
#include "common/queue/lua/fetch.lua.h"
	;
static const char finish_lua[] =
#include "common/queue/lua/finish.lua.h"
	;
static const char find_lua[] =
#include "common/queue/lua/find.lua.h"
	;
static const char give_up_lua[] =
#include "common/queue/lua/give_up.lua.h"
	;
static const char hand_back_lua[] =
#include "common/queue/lua/hand_back.lua.h"
	;
static const char limiter_lua[] =
#include "common/queue/lua/limiter.lua.h"
	;
static const char log_lua[] =
#include "common/queue/lua/log.lua.h"
	;
static const char look_lua[] =
#include "common/queue/lua/look.lua.h"
	;
static const char marker_lua[] =
#include "common/queue/lua/marker.lua.h"
	;
static const char parent_lua[] =
#include "common/queue/lua/parent.lua.h"
	;
static const char pause_lua[] =
#include "common/queue/lua/pause.lua.h"
	;
static const char place_lua[] =
#include "common/queue/lua/place.lua.h"
	;
static const char progress_lua[] =
#include "common/queue/lua/progress.lua.h"
	;
static const char promote_lua[] =
#include "common/queue/lua/promote.lua.h"
	;
static const char promote_job_lua[] =
#include "common/queue/lua/promote_job.lua.h"
	;
static const char put_back_lua[] =
#include "common/queue/lua/put_back.lua.h"
	;
static const char rarely_lua[] =
#include "common/queue/lua/rarely.lua.h"
	;
static const char remove_lua[] =
#include "common/queue/lua/remove.lua.h"
	;
static const char remove_job_lua[] =
#include "common/queue/lua/remove_job.lua.h"
	;
static const char renew_lua[] =
#include "common/queue/lua/renew.lua.h"
	;
static const char reprocess_lua[] =
#include "common/queue/lua/reprocess.lua.h"
	;
static const char retain_lua[] =
#include "common/queue/lua/retain.lua.h"
	;
static const char retry_job_lua[] =
#include "common/queue/lua/retry_job.lua.h"
	;
static const char return_job_lua[] =
#include "common/queue/lua/return_job.lua.h"
	;
static const char stalled_lua[] =
#include "common/queue/lua/stalled.lua.h"
	;
static const char state_lua[] =
#include "common/queue/lua/state.lua.h"
	;
static const char tokens_lua[] =
#include "common/queue/lua/tokens.lua.h"
	;
static const char waiting_lua[] =
#include "common/queue/lua/waiting.lua.h"
	;

/*
 * Redis makes every function of a script anew each time it runs, whether it is called or not; made
 * one by one they were a tenth of a finish-and-claim. Parts between a begin and an end below lie
 * inside one function, which makes them when it is called, and gives them out.
 */
static const char places_begin[] = "local function places()\n";
static const char places_end[] =
	"return { priority_of = priority_of, max_events = max_events, add_marker = add_marker,\n"
	"list_for = list_for, place = place, place_front = place_front, first_due = first_due,\n"
	"place_delayed = place_delayed }\n"
	"end\n";
static const char rarely_begin[] = "local function rarely()\n";
static const char rarely_end[] =
	"return { nothing = nothing, rate_limit = rate_limit, step_aside = step_aside,\n"
	"held_job = held_job }\n"
	"end\n";
static const char family_begin[] = "local function family()\n";
static const char family_end[] =
	"return { decode = decode, knows_defa = knows_defa, child_removed = child_removed,\n"
	"tell = tell }\n"
	"end\n";

#define PLACES    places_begin, place_lua, delayed_lua, places_end
#define FETCH     PLACES, promote_lua, rarely_begin, rarely_lua, rarely_end, fetch_lua
#define FAMILY    family_begin, parent_lua, dedup_lua, family_end
#define PARTS_MAX 24

/* In the order in which they use each other. Each starts with base.lua. */
static const char *const recipes[QUEUE_SCRIPT_COUNT][PARTS_MAX] = {
	[QUEUE_SCRIPT_CLAIM] = {FETCH, claim_lua},
	[QUEUE_SCRIPT_END_JOB] = {FETCH, give_up_lua, family_begin, enqueue_lua, parent_lua,
				  dedup_lua, family_end, retain_lua, finish_lua, end_job_lua},
	[QUEUE_SCRIPT_RETRY_JOB] = {FETCH, give_up_lua, retry_job_lua},
	[QUEUE_SCRIPT_RETURN_JOB] = {PLACES, give_up_lua, put_back_lua, return_job_lua},
	[QUEUE_SCRIPT_PROGRESS] = {PLACES, progress_lua},
	[QUEUE_SCRIPT_LOG] = {log_lua},
	[QUEUE_SCRIPT_RENEW] = {renew_lua},
	[QUEUE_SCRIPT_LOOK] = {PLACES, promote_lua, waiting_lua, look_lua},
	[QUEUE_SCRIPT_MARKER] = {PLACES, marker_lua},
	[QUEUE_SCRIPT_HAND_BACK] = {PLACES, give_up_lua, put_back_lua, hand_back_lua},
	[QUEUE_SCRIPT_TOKENS] = {tokens_lua},
	[QUEUE_SCRIPT_STALLED] = {PLACES, enqueue_lua, FAMILY, retain_lua, finish_lua, stalled_lua},
	[QUEUE_SCRIPT_COUNTS] = {waiting_lua, counts_lua},
	[QUEUE_SCRIPT_ADD] = {PLACES, enqueue_lua, FAMILY, retain_lua, find_lua, remove_lua,
			      add_lua},
	[QUEUE_SCRIPT_STATE] = {find_lua, state_lua},
	[QUEUE_SCRIPT_REMOVE_JOB] = {PLACES, enqueue_lua, FAMILY, retain_lua, find_lua, remove_lua,
				     remove_job_lua},
	[QUEUE_SCRIPT_REPROCESS] = {PLACES, find_lua, reprocess_lua},
	[QUEUE_SCRIPT_PROMOTE_JOB] = {PLACES, promote_job_lua},
	[QUEUE_SCRIPT_PAUSE] = {PLACES, pause_lua},
	[QUEUE_SCRIPT_LIMITER] = {PLACES, limiter_lua},
};

struct writer {
	char *text; /* NULL: only count */
	size_t size;
};

static void
put(struct writer *out, const char *bytes, size_t size)
{
	if (out->text != NULL)
		memcpy(out->text + out->size, bytes, size);
	out->size += size;
}

/* Any bytes as the inside of a Lua string: whatever is not harmless becomes \ddd. */
static void
put_quoted(struct writer *out, const char *bytes)
{
	char escaped[5];

	for (; *bytes != '\0'; bytes++) {
		unsigned char byte = (unsigned char)*bytes;

		if (isalnum(byte) || strchr("-_.:{}", byte) != NULL) {
			put(out, bytes, 1);
			continue;
		}
		escaped[0] = '\\';
		escaped[1] = (char)('0' + byte / 100);
		escaped[2] = (char)('0' + byte / 10 % 10);
		escaped[3] = (char)('0' + byte % 10);
		put(out, escaped, 4);
	}
}

static void
put_line(struct writer *out, const struct queue *queue, const char *line, size_t size)
{
	size_t skipped = strspn(line, "\t ");

	/* Comments and indentation are for people: EVAL sends the text each time. */
	if (skipped >= size || strncmp(line + skipped, "--", 2) == 0)
		return;
	for (size_t i = skipped; i < size; i++) {
		put(out, line + i, 1);
		if (line[i] != '"' || i + 1 >= size || (line[i + 1] != '@' && line[i + 1] != '!'))
			continue;
		put_quoted(out, line[i + 1] == '@' ? queue->base : queue->private_base);
		i++;
	}
}

static void
put_part(struct writer *out, const struct queue *queue, const char *part)
{
	size_t size;

	for (; *part != '\0'; part += size) {
		size = strcspn(part, "\n");
		size += part[size] == '\n';
		put_line(out, queue, part, size);
	}
}

static void
put_script(struct writer *out, const struct queue *queue, const char *const *parts)
{
	put_part(out, queue, base_lua);
	for (int i = 0; i < PARTS_MAX && parts[i] != NULL; i++)
		put_part(out, queue, parts[i]);
	put(out, "", 1);
}

bool
queue_script_make(struct queue *queue, enum queue_script script)
{
	struct writer out = {0};

	if (queue->scripts[script].source != NULL)
		return true;
	put_script(&out, queue, recipes[script]);
	out.text = malloc(out.size);
	if (out.text == NULL)
		return false;
	out.size = 0;
	put_script(&out, queue, recipes[script]);
	queue->scripts[script].source = out.text;
	return true;
}

bool
queue_scripts_load(struct queue *queue)
{
	for (int i = 0; i < QUEUE_SCRIPT_BY_HAND; i++)
		if (!queue_script_make(queue, (enum queue_script)i))
			return false;
	return true;
}

void
queue_scripts_free(struct queue *queue)
{
	for (int i = 0; i < QUEUE_SCRIPT_COUNT; i++) {
		free((void *)(uintptr_t)queue->scripts[i].source);
		queue->scripts[i].source = NULL;
	}
}

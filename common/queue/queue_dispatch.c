/*
 * queue_dispatch.c - what one process does for all: looking, counting, handing back, the stalled
 * check.  [dispatcher]
 */
#include <limits.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>

#include "common/queue/queue_internal.h"

#define NUMBER_MAX 9007199254740991LL

static int64_t
number_at(const struct redisReply *reply, size_t index)
{
	return queue_reply_int(reply->element[index], -1, NUMBER_MAX, 0);
}

bool
queue_look(struct queue *queue, struct queue_look *look, struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply;
	bool ok;

	queue_args_init(&args, queue);
	queue_args_limit(&args, queue);
	reply = queue_run(queue, QUEUE_SCRIPT_LOOK, &args, why);
	if (reply == NULL)
		return false;
	ok = queue_reply_is_array(reply, 8, why);
	if (ok)
		*look = (struct queue_look){
			.waiting = number_at(reply, 0),
			.prioritized = number_at(reply, 1),
			.active = number_at(reply, 2),
			.next_due_ms = number_at(reply, 3),
			.now_ms = number_at(reply, 4),
			.paused = number_at(reply, 5) == 1,
			.maxed = number_at(reply, 6) == 0,
			.room = number_at(reply, 6),
			.limited_ms = number_at(reply, 7),
		};
	redis_reply_free(reply);
	return ok;
}

bool
queue_leave_marker(struct queue *queue, struct failure *why)
{
	struct queue_args args;

	queue_args_init(&args, queue);
	return queue_run_unwatched(queue, QUEUE_SCRIPT_MARKER, &args, why);
}

/* A JSON array out of a reply of ids, or of ids and tokens in turn. NULL: out of memory. */
static char *
ids_as_json(const struct redisReply *reply, bool with_tokens)
{
	size_t step = with_tokens ? 2 : 1;
	cJSON *array = cJSON_CreateArray();
	char *json = NULL;

	for (size_t i = 0; array != NULL && i + step <= reply->elements; i += step) {
		cJSON *item = with_tokens ? cJSON_CreateObject()
					  : cJSON_CreateString(reply->element[i]->str);

		if (item == NULL)
			goto out;
		cJSON_AddItemToArray(array, item);
		if (with_tokens &&
		    (cJSON_AddStringToObject(item, "id", reply->element[i]->str) == NULL ||
		     cJSON_AddStringToObject(item, "token", reply->element[i + 1]->str) == NULL))
			goto out;
	}
	if (array != NULL)
		json = cJSON_PrintUnformatted(array);
out:
	cJSON_Delete(array);
	return json;
}

static bool
give_ids(struct redisReply *reply, bool with_tokens, char **json, struct failure *why)
{
	char *text = NULL;

	if (reply == NULL)
		return false;
	if (queue_reply_is_array(reply, 0, why)) {
		text = ids_as_json(reply, with_tokens);
		if (text == NULL)
			failure_set(why, FAILURE_AWAY, "out of memory for a list of jobs");
	}
	redis_reply_free(reply);
	if (text == NULL)
		return false;
	*json = text;
	return true;
}

bool
queue_hand_back(struct queue *queue, const char *token, char **ids, struct failure *why)
{
	struct queue_args args;

	queue_args_init(&args, queue);
	queue_args_text(&args, token);
	queue_args_int(&args, 2 * queue->lock_duration_ms);
	return give_ids(queue_run(queue, QUEUE_SCRIPT_HAND_BACK, &args, why), false, ids, why);
}

bool
queue_active_tokens(struct queue *queue, const char *prefix, char **json, struct failure *why)
{
	struct queue_args args;

	queue_args_init(&args, queue);
	queue_args_text(&args, prefix);
	return give_ids(queue_run(queue, QUEUE_SCRIPT_TOKENS, &args, why), true, json, why);
}

bool
queue_check_stalled(struct queue *queue, int64_t interval_ms, struct queue_stalled *stalled,
		    struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply;
	bool ok;

	queue_args_init(&args, queue);
	queue_args_int(&args, interval_ms);
	queue_args_int(&args, queue->max_stalled_count);
	reply = queue_run(queue, QUEUE_SCRIPT_STALLED, &args, why);
	if (reply == NULL)
		return false;
	ok = queue_reply_is_array(reply, 4, why);
	if (ok)
		*stalled = (struct queue_stalled){
			.ran = number_at(reply, 0) == 1,
			.recovered = number_at(reply, 1),
			.failed = number_at(reply, 2),
			.again_ms = number_at(reply, 3),
		};
	redis_reply_free(reply);
	return ok;
}

bool
queue_count(struct queue *queue, struct queue_counts *counts, struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply;
	bool ok;

	queue_args_init(&args, queue);
	reply = queue_run(queue, QUEUE_SCRIPT_COUNTS, &args, why);
	if (reply == NULL)
		return false;
	ok = queue_reply_is_array(reply, 10, why);
	if (ok)
		*counts = (struct queue_counts){
			.waiting = number_at(reply, 0),
			.paused = number_at(reply, 1),
			.active = number_at(reply, 2),
			.prioritized = number_at(reply, 3),
			.delayed = number_at(reply, 4),
			.completed = number_at(reply, 5),
			.failed = number_at(reply, 6),
			.waiting_children = number_at(reply, 7),
			.oldest_due_ms = number_at(reply, 8),
			.is_paused = number_at(reply, 9) == 1,
		};
	redis_reply_free(reply);
	return ok;
}

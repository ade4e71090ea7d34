/*
 * queue_args.c - arguments and plain replies of the scripts.           [worker, dispatcher]
 */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "common/queue/queue_internal.h"

void
queue_args_bytes(struct queue_args *args, const char *bytes, size_t size)
{
	assert(args->count < QUEUE_ARGS_MAX);
	args->argv[args->count] = bytes;
	args->sizes[args->count] = size;
	args->count++;
}

void
queue_args_text(struct queue_args *args, const char *text)
{
	queue_args_bytes(args, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

void
queue_args_int(struct queue_args *args, int64_t number)
{
	char *text;

	assert(args->number_count < QUEUE_ARGS_MAX);
	text = args->numbers[args->number_count++];
	snprintf(text, sizeof(args->numbers[0]), "%" PRId64, number);
	queue_args_text(args, text);
}

void
queue_args_limit(struct queue_args *args, const struct queue *queue)
{
	if (queue->limiter_max > 0)
		queue_args_int(args, queue->limiter_max);
	else
		queue_args_text(args, "");
}

void
queue_args_init(struct queue_args *args, const struct queue *queue)
{
	args->count = args->number_count = 0;
	queue_args_text(args, queue->meta_key);
}

void
queue_args_fetch(struct queue_args *args, const struct queue *queue, const char *worker_name)
{
	queue_args_text(args, worker_name);
	queue_args_int(args, queue->lock_duration_ms);
	queue_args_limit(args, queue);
	queue_args_text(args, queue_may_hold_job(queue) ? "1" : "0");
}

struct redisReply *
queue_run(struct queue *queue, enum queue_script script, const struct queue_args *args,
	  struct failure *why)
{
	return redis_eval(queue->redis, &queue->scripts[script], QUEUE_TIMEOUT_MS, why, 1,
			  args->count, args->argv, args->sizes);
}

bool
queue_run_unwatched(struct queue *queue, enum queue_script script, const struct queue_args *args,
		    struct failure *why)
{
	return redis_send_script(queue->redis, &queue->scripts[script], why, 1, args->count,
				 args->argv, args->sizes);
}

bool
queue_reply_is_array(const struct redisReply *reply, size_t count, struct failure *why)
{
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements >= count)
		return true;
	return failure_set(why, FAILURE_UNKNOWN, "Redis: a script's reply has an unexpected form");
}

int64_t
queue_reply_int(const struct redisReply *reply, int64_t least, int64_t most, int64_t otherwise)
{
	char *end = NULL;
	double value;

	if (reply->type == REDIS_REPLY_INTEGER) {
		value = (double)reply->integer;
	} else if (reply->type == REDIS_REPLY_STRING) {
		value = strtod(reply->str, &end);
		if (end == reply->str || isnan(value))
			return otherwise;
	} else {
		return otherwise;
	}
	if (value <= (double)least)
		return least;
	return value >= (double)most ? most : (int64_t)value;
}

char
queue_reply_kind(const struct redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING && reply->len > 0 ? reply->str[0] : '\0';
}

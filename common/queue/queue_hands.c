/*
 * queue_hands.c - what is done to jobs and the queue by hand (9.5, 12).  [commands]
 */
#include <hiredis/hiredis.h>

#include "common/queue/queue_internal.h"

#define NUMBER_MAX 9007199254740991LL

static struct redisReply *
run(struct queue *queue, enum queue_script script, const struct queue_args *args,
    struct failure *why)
{
	if (queue_script_make(queue, script))
		return queue_run(queue, script, args, why);
	failure_set(why, FAILURE_AWAY, "out of memory");
	return NULL;
}

bool
queue_reprocess(struct queue *queue, const char *id, char state[24], bool *retried,
		struct failure *why)
{
	struct redisReply *reply;

	if (!queue_script_make(queue, QUEUE_SCRIPT_REPROCESS))
		return failure_set(why, FAILURE_AWAY, "out of memory");
	reply = queue_run_state(queue, QUEUE_SCRIPT_REPROCESS, id, state, why);
	if (reply == NULL)
		return false;
	*retried = queue_reply_kind(reply->element[1]) == '1';
	redis_reply_free(reply);
	return true;
}

/* A script whose answer is 1 or 0: whether it changed anything. */
static bool
run_change(struct queue *queue, enum queue_script script, const char *argument, bool *changed,
	   struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply;

	queue_args_init(&args, queue);
	queue_args_text(&args, argument);
	reply = run(queue, script, &args, why);
	if (reply == NULL)
		return false;
	*changed = queue_reply_int(reply, 0, 1, 0) == 1;
	redis_reply_free(reply);
	return true;
}

bool
queue_promote(struct queue *queue, const char *id, bool *promoted, struct failure *why)
{
	return run_change(queue, QUEUE_SCRIPT_PROMOTE_JOB, id, promoted, why);
}

bool
queue_set_paused(struct queue *queue, bool paused, bool *changed, struct failure *why)
{
	return run_change(queue, QUEUE_SCRIPT_PAUSE, paused ? "paused" : "resumed", changed, why);
}

bool
queue_read_limits(struct queue *queue, bool open, struct queue_limits *limits, struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply;
	bool ok;

	queue_args_init(&args, queue);
	queue_args_limit(&args, queue);
	queue_args_text(&args, open ? "1" : "0");
	reply = run(queue, QUEUE_SCRIPT_LIMITER, &args, why);
	if (reply == NULL)
		return false;
	ok = queue_reply_is_array(reply, 5, why);
	if (ok)
		*limits = (struct queue_limits){
			.max = queue_reply_int(reply->element[0], 0, NUMBER_MAX, -1),
			.period_ms = queue_reply_int(reply->element[1], 1, NUMBER_MAX, 1000),
			.shut_ms = queue_reply_int(reply->element[2], 0, NUMBER_MAX, 0),
			.concurrency = queue_reply_int(reply->element[3], 0, NUMBER_MAX, -1),
			.active = queue_reply_int(reply->element[4], 0, NUMBER_MAX, 0),
		};
	redis_reply_free(reply);
	return ok;
}

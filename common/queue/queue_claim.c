/*
 * queue_claim.c - takes jobs (7); decodes what fetch.lua gives.        [worker]
 *
 * A call that may have claimed a job and whose reply was lost leaves a job locked by our token that
 * nobody knows of. The queue remembers that it cannot be sure, and the next claim picks the job up
 * (no second `active` event, no second start counted).
 */
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/queue/queue_internal.h"

#define TIME_MAX 9007199254740991LL

static bool
decode_job(struct queue *queue, const struct redisReply *reply, int64_t sent_mono_ms,
	   struct queue_claim *claim, struct failure *why)
{
	struct queue_job *job;

	if (!queue_reply_is_array(reply, 5, why))
		return false;
	job = queue_job_decode(reply->element[2], reply->element[3], reply->element[4],
			       queue->default_attempts);
	if (job == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory for a claimed job");
	job->lease_end_mono_ms = sent_mono_ms + queue->lock_duration_ms;
	claim->state = QUEUE_CLAIM_JOB;
	claim->job = job;
	return true;
}

static bool
decode_nothing(const struct redisReply *reply, enum queue_claim_state state,
	       struct queue_claim *claim, struct failure *why)
{
	if (!queue_reply_is_array(reply, 4, why))
		return false;
	claim->state = state;
	claim->next_due_ms = queue_reply_int(reply->element[2], 0, TIME_MAX, 0);
	claim->wait_ms = queue_reply_int(reply->element[3], 0, TIME_MAX, 0);
	return true;
}

static bool
decode_kind(struct queue *queue, const struct redisReply *reply, int64_t sent_mono_ms,
	    struct queue_claim *claim, struct failure *why)
{
	switch (queue_reply_kind(reply->element[0])) {
	case 'J':
	case 'R':
		return decode_job(queue, reply, sent_mono_ms, claim, why);
	case 'N':
		return decode_nothing(reply, QUEUE_CLAIM_NONE, claim, why);
	case 'P':
		return decode_nothing(reply, QUEUE_CLAIM_PAUSED, claim, why);
	case 'M':
		return decode_nothing(reply, QUEUE_CLAIM_MAXED, claim, why);
	case 'L':
		return decode_nothing(reply, QUEUE_CLAIM_LIMITED, claim, why);
	case 'D':
		claim->state = QUEUE_CLAIM_DEAD;
		return true;
	default:
		return failure_set(why, FAILURE_UNKNOWN,
				   "Redis: a claim's reply is of no known kind");
	}
}

bool
queue_claim_decode(struct queue *queue, const struct redisReply *reply, int64_t sent_mono_ms,
		   struct queue_claim *claim, struct failure *why)
{
	struct queue_claim decoded = {0};

	if (!queue_reply_is_array(reply, 2, why) ||
	    !decode_kind(queue, reply, sent_mono_ms, &decoded, why)) {
		/* What Redis did is done: the job must be found again. */
		queue->unsure = true;
		return false;
	}
	decoded.now_ms = queue_reply_int(reply->element[1], 0, TIME_MAX, 0);
	/* There may be a second one: ask until there is none. */
	queue->unsure = queue_reply_kind(reply->element[0]) == 'R';
	*claim = decoded;
	return true;
}

bool
queue_claim(struct queue *queue, const char *token, const char *worker_name,
	    struct queue_claim *claim, struct failure *why)
{
	struct queue_args args;
	struct redisReply *reply;
	int64_t sent_mono_ms;
	bool ok;

	queue_args_init(&args, queue);
	queue_args_text(&args, token);
	queue_args_fetch(&args, queue, worker_name);
	sent_mono_ms = clock_mono_ms();
	reply = queue_run(queue, QUEUE_SCRIPT_CLAIM, &args, why);
	if (reply == NULL) {
		if (redis_answer_lost(queue->redis))
			queue_doubt(queue);
		return false;
	}
	ok = queue_claim_decode(queue, reply, sent_mono_ms, claim, why);
	redis_reply_free(reply);
	return ok;
}

void
queue_doubt(struct queue *queue)
{
	queue->unsure = true;
	queue->unsure_until_mono_ms = clock_mono_ms() + queue->lock_duration_ms;
}

bool
queue_may_hold_job(const struct queue *queue)
{
	return queue->unsure || clock_mono_ms() < queue->unsure_until_mono_ms;
}

/*
 * queue_finish.c - ends a claim: completed, failed, retried, deferred, put back (8, 9, 10).
 * [worker]
 *
 * Each ending is one script and one round trip, the next claim included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/queue/queue_internal.h"

static bool
decode_end(struct queue *queue, const struct redisReply *reply, int64_t sent_mono_ms,
	   const struct queue_next *next, struct queue_end *end, struct failure *why)
{
	struct queue_end decoded = {.state = QUEUE_END_LOST};

	if (!queue_reply_is_array(reply, 1, why))
		return false;
	switch (queue_reply_kind(reply->element[0])) {
	case 'E':
		decoded.state = QUEUE_ENDED;
		if (next != NULL && (!queue_reply_is_array(reply, 2, why) ||
				     !queue_claim_decode(queue, reply->element[1], sent_mono_ms,
							 &decoded.next, why)))
			return false;
		break;
	case 'L':
		break;
	case 'A':
		/* The first telling took the same job again, or Redis came back older. */
		queue->unsure = true;
		break;
	case 'C':
		decoded.state = QUEUE_END_PENDING_CHILDREN;
		break;
	default:
		return failure_set(why, FAILURE_UNKNOWN,
				   "Redis: an ending's reply is of no known kind");
	}
	*end = decoded;
	return true;
}

bool
queue_end_run(struct queue *queue, enum queue_script script, const struct queue_args *args,
	      const struct queue_next *next, struct queue_end *end, struct failure *why)
{
	int64_t sent_mono_ms = clock_mono_ms();
	struct redisReply *reply = queue_run(queue, script, args, why);
	bool ok;

	if (reply == NULL) {
		if (next != NULL && redis_answer_lost(queue->redis))
			queue_doubt(queue);
		return false;
	}
	ok = decode_end(queue, reply, sent_mono_ms, next, end, why);
	redis_reply_free(reply);
	return ok;
}

/* Far beyond anything meant, and a score that is still a number (a thousand years). */
#define DELAY_MAX_MS 31536000000000LL

static int64_t
bounded_delay(int64_t delay_ms, int64_t least)
{
	if (delay_ms < least)
		return least;
	return delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS;
}

/* id, token, and which claim of that token: how every ending begins. */
static void
begin_args(struct queue_args *args, const struct queue *queue, const struct queue_job *job,
	   const char *token)
{
	queue_args_init(args, queue);
	queue_args_bytes(args, job->id, job->options->id_size);
	queue_args_text(args, token);
	queue_args_int(args, job->attempts_started);
	queue_args_int(args, job->claimed_ms);
}

static void
next_args(struct queue_args *args, const struct queue *queue, const struct queue_next *next)
{
	queue_args_text(args, next != NULL ? "1" : "0");
	queue_args_fetch(args, queue, next != NULL ? next->worker_name : NULL);
}

static bool
end_job(struct queue *queue, const struct queue_job *job, const char *token, bool failed,
	const char *value, const char *stacktrace, const struct queue_next *next,
	struct queue_end *end, struct failure *why)
{
	const struct queue_keep *keep = failed ? &job->options->fail : &job->options->complete;
	struct queue_args args;
	char age[40] = "";

	if (keep->age_s >= 0)
		snprintf(age, sizeof(age), "%.17g", keep->age_s);
	begin_args(&args, queue, job, token);
	queue_args_text(&args, failed ? "failed" : "completed");
	queue_args_text(&args, value);
	queue_args_text(&args, stacktrace);
	queue_args_int(&args, keep->count);
	queue_args_text(&args, age);
	queue_args_int(&args, keep->limit);
	queue_args_int(&args, job->max_attempts);
	queue_args_int(&args, queue->metrics_minutes);
	next_args(&args, queue, next);
	return queue_end_run(queue, QUEUE_SCRIPT_END_JOB, &args, next, end, why);
}

bool
queue_complete(struct queue *queue, const struct queue_job *job, const char *token,
	       const char *return_value, const struct queue_next *next, struct queue_end *end,
	       struct failure *why)
{
	if (!queue_json_is_valid(return_value))
		return failure_set(why, FAILURE_UNKNOWN, "the return value is not JSON");
	return end_job(queue, job, token, false, return_value, NULL, next, end, why);
}

bool
queue_fail(struct queue *queue, const struct queue_job *job, const char *token, const char *reason,
	   const char *stack_entry, const struct queue_next *next, struct queue_end *end,
	   struct failure *why)
{
	char *stacktrace = queue_options_stacktrace(job, reason, stack_entry);
	bool ok;

	if (stacktrace == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory for a stack trace");
	ok = end_job(queue, job, token, true, reason, stacktrace, next, end, why);
	free(stacktrace);
	return ok;
}

/* delay_ms 0: at once. reason NULL: no attempt is burned. */
static bool
retry_job(struct queue *queue, const struct queue_job *job, const char *token, int64_t delay_ms,
	  const char *reason, const char *stacktrace, const struct queue_next *next,
	  struct queue_end *end, struct failure *why)
{
	struct queue_args args;

	begin_args(&args, queue, job, token);
	queue_args_int(&args, delay_ms);
	queue_args_text(&args, reason != NULL ? "1" : "0");
	queue_args_text(&args, reason);
	queue_args_text(&args, stacktrace);
	queue_args_text(&args, job->options->lifo ? "1" : "0");
	next_args(&args, queue, next);
	return queue_end_run(queue, QUEUE_SCRIPT_RETRY_JOB, &args, next, end, why);
}

bool
queue_retry(struct queue *queue, const struct queue_job *job, const char *token, int64_t delay_ms,
	    const char *reason, const char *stack_entry, const struct queue_next *next,
	    struct queue_end *end, struct failure *why)
{
	char *stacktrace = queue_options_stacktrace(job, reason, stack_entry);
	bool ok;

	if (stacktrace == NULL)
		return failure_set(why, FAILURE_AWAY, "out of memory for a stack trace");
	ok = retry_job(queue, job, token, bounded_delay(delay_ms, 0), reason, stacktrace, next, end,
		       why);
	free(stacktrace);
	return ok;
}

bool
queue_defer(struct queue *queue, const struct queue_job *job, const char *token, int64_t delay_ms,
	    const struct queue_next *next, struct queue_end *end, struct failure *why)
{
	return retry_job(queue, job, token, bounded_delay(delay_ms, 1), NULL, NULL, next, end, why);
}

bool
queue_put_back(struct queue *queue, const struct queue_job *job, const char *token,
	       struct queue_end *end, struct failure *why)
{
	struct queue_args args;

	begin_args(&args, queue, job, token);
	return queue_end_run(queue, QUEUE_SCRIPT_RETURN_JOB, &args, NULL, end, why);
}

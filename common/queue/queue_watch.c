/*
 * queue_watch.c - while jobs run: locks, progress, logs (11.1, 14).    [worker, dispatcher]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/queue/queue_internal.h"

#define RENEW_MAX 1200

bool
queue_progress(struct queue *queue, const struct queue_job *job, const char *json,
	       struct failure *why)
{
	struct queue_args args;

	if (!queue_json_is_valid(json))
		return failure_set(why, FAILURE_UNKNOWN, "the progress is not JSON");
	queue_args_init(&args, queue);
	queue_args_bytes(&args, job->id, job->options->id_size);
	queue_args_text(&args, json);
	return queue_run_unwatched(queue, QUEUE_SCRIPT_PROGRESS, &args, why);
}

bool
queue_log(struct queue *queue, const struct queue_job *job, const char *row, struct failure *why)
{
	struct queue_args args;

	queue_args_init(&args, queue);
	queue_args_bytes(&args, job->id, job->options->id_size);
	queue_args_text(&args, row);
	queue_args_int(&args,
		       job->options->keep_logs > 0 ? job->options->keep_logs : QUEUE_LOG_ROWS_MOST);
	return queue_run_unwatched(queue, QUEUE_SCRIPT_LOG, &args, why);
}

static bool
decode_lost(const struct redisReply *reply, size_t count, bool *lost, struct failure *why)
{
	if (!queue_reply_is_array(reply, 0, why))
		return false;
	memset(lost, 0, count * sizeof(*lost));
	for (size_t i = 0; i < reply->elements; i++) {
		int64_t at = queue_reply_int(reply->element[i], -1, RENEW_MAX, -1);

		if (at >= 0 && (size_t)at < count)
			lost[at] = true;
	}
	return true;
}

bool
queue_renew(struct queue *queue, const struct queue_lease *leases, size_t count, bool *lost,
	    int64_t *lease_end_mono_ms, struct failure *why)
{
	struct redisReply *reply;
	const char **argv;
	char lock_ms[24];
	int64_t sent_mono_ms = clock_mono_ms();
	bool ok;

	if (count > RENEW_MAX)
		return failure_set(why, FAILURE_UNKNOWN, "too many locks to renew at once");
	if (count > 0) {
		argv = malloc((2 + 2 * count) * sizeof(*argv));
		if (argv == NULL)
			return failure_set(why, FAILURE_AWAY,
					   "out of memory for the locks to renew");
		snprintf(lock_ms, sizeof(lock_ms), "%lld", (long long)queue->lock_duration_ms);
		argv[0] = queue->meta_key;
		argv[1] = lock_ms;
		for (size_t i = 0; i < count; i++) {
			argv[2 + 2 * i] = leases[i].job_id;
			argv[3 + 2 * i] = leases[i].token;
		}
		reply = redis_eval(queue->redis, &queue->scripts[QUEUE_SCRIPT_RENEW],
				   QUEUE_TIMEOUT_MS, why, 1, (int)(2 + 2 * count), argv, NULL);
		free(argv);
		if (reply == NULL)
			return false;
		ok = decode_lost(reply, count, lost, why);
		redis_reply_free(reply);
		if (!ok)
			return false;
	}
	*lease_end_mono_ms = sent_mono_ms + queue->lock_duration_ms;
	return true;
}

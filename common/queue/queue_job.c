/*
 * queue_job.c - a claimed job out of the claim's reply.                [worker]
 *
 * `data` is only carried: whatever size or shape it has, and however wrong the other fields are,
 * the job can be ended. What cannot be a C string (a NUL byte inside) is given out as empty, which
 * no reader takes for a good job.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "common/queue/queue_internal.h"

/* The order of HMGET in lua/fetch.lua, and processedOn as it was before this claim. */
enum field {
	FIELD_NAME,
	FIELD_DATA,
	FIELD_OPTS,
	FIELD_TIMESTAMP,
	FIELD_DELAY,
	FIELD_PRIORITY,
	FIELD_ATM,
	FIELD_ATTEMPTS_MADE,
	FIELD_ATS,
	FIELD_STACKTRACE,
	FIELD_DEFA,
	FIELD_RJK,
	FIELD_PROCESSED_ON,
	FIELD_STC,
	FIELD_STALLED_COUNTER,
	FIELD_PROCESSED_BEFORE,
	FIELD_COUNT
};

#define TIME_MAX     9007199254740991LL
#define PRIORITY_MAX 2097151

void
queue_job_free(struct queue_job *job)
{
	if (job == NULL)
		return;
	if (job->options != NULL)
		free(job->options->stacktrace);
	free(job->options);
	free(job->scheduler_id);
	free(job->deferred_failure);
	free(job->data);
	free(job->name);
	free(job->id);
	free(job);
}

/* All bytes of a text element and a NUL; NULL when it is none or memory is out. */
static char *
bytes_of(const redisReply *reply)
{
	char *copy;

	if (reply->type != REDIS_REPLY_STRING)
		return NULL;
	copy = malloc((size_t)reply->len + 1);
	if (copy != NULL) {
		memcpy(copy, reply->str, (size_t)reply->len);
		copy[reply->len] = '\0';
	}
	return copy;
}

/* A field as a C string: "" if it is absent or holds a NUL byte. */
static char *
text_of(const redisReply *reply, bool *broken)
{
	if (reply->type != REDIS_REPLY_STRING)
		return strdup("");
	if (memchr(reply->str, '\0', (size_t)reply->len) != NULL) {
		*broken = true;
		return strdup("");
	}
	return bytes_of(reply);
}

/* An optional field; NULL if absent. False: out of memory. */
static bool
optional_text(const redisReply *reply, char **text)
{
	if (reply->type != REDIS_REPLY_STRING)
		return true;
	*text = bytes_of(reply);
	return *text != NULL;
}

static void
read_numbers(struct queue_job *job, const redisReply *started, redisReply *const *field)
{
	int64_t made = queue_reply_int(field[FIELD_ATM], 0, INT_MAX, 0);

	/*
	 * BullMQ 4 counts in attemptsMade only, 5 and later in atm only. Where both served the job,
	 * each attempt is in one of the two; taking attemptsMade alone would let such a job be
	 * retried for ever.
	 */
	made += queue_reply_int(field[FIELD_ATTEMPTS_MADE], 0, INT_MAX, 0);
	job->attempts_made = made > INT_MAX ? INT_MAX : (int)made;
	/* Before 5.49 it was counted in stalledCounter. */
	job->stalls = (int)(queue_reply_int(field[FIELD_STC], 0, INT_MAX / 2, 0) +
			    queue_reply_int(field[FIELD_STALLED_COUNTER], 0, INT_MAX / 2, 0));
	job->attempts_started = (int)queue_reply_int(started, 0, INT_MAX, 1);
	job->timestamp_ms = queue_reply_int(field[FIELD_TIMESTAMP], 0, TIME_MAX, 0);
	job->claimed_ms = queue_reply_int(field[FIELD_PROCESSED_ON], 0, TIME_MAX, 0);
	/* Job.retry() takes the times away and leaves what tells of attempts (9.5). */
	job->retried_by_hand =
		field[FIELD_PROCESSED_BEFORE]->type != REDIS_REPLY_STRING &&
		(job->attempts_started > 1 || field[FIELD_STACKTRACE]->type == REDIS_REPLY_STRING);
	job->delay_ms = queue_reply_int(field[FIELD_DELAY], 0, TIME_MAX, 0);
	job->priority = (int)queue_reply_int(field[FIELD_PRIORITY], 0, PRIORITY_MAX, 0);
}

struct queue_job *
queue_job_decode(const struct redisReply *id, const struct redisReply *started,
		 const struct redisReply *fields, int default_attempts)
{
	redisReply *const *field = fields->element;
	struct queue_job *job;
	bool broken = false;

	if (id->type != REDIS_REPLY_STRING || fields->type != REDIS_REPLY_ARRAY ||
	    fields->elements < FIELD_COUNT)
		return NULL;
	job = calloc(1, sizeof(*job));
	if (job == NULL)
		return NULL;
	job->options = calloc(1, sizeof(*job->options));
	job->id = bytes_of(id);
	job->name = text_of(field[FIELD_NAME], &broken);
	job->data = text_of(field[FIELD_DATA], &broken);
	if (job->options == NULL || job->id == NULL || job->name == NULL || job->data == NULL ||
	    !optional_text(field[FIELD_DEFA], &job->deferred_failure) ||
	    !optional_text(field[FIELD_RJK], &job->scheduler_id) ||
	    !optional_text(field[FIELD_STACKTRACE], &job->options->stacktrace)) {
		queue_job_free(job);
		return NULL;
	}
	job->options->id_size = (size_t)id->len;
	read_numbers(job, started, field);
	if (!queue_options_read(
		    job,
		    field[FIELD_OPTS]->type == REDIS_REPLY_STRING ? field[FIELD_OPTS]->str : NULL,
		    default_attempts)) {
		queue_job_free(job);
		return NULL;
	}
	return job;
}

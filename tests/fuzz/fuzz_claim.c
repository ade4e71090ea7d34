/*
 * fuzz_claim.c - what Redis says to a claim becomes a job, or is refused.  [tests]
 *
 * Input: RESP, as it comes over the wire (line ends may be bare newlines, so that a corpus can be
 * written by hand). Holds: a job is complete and within its bounds, its data make a publish job or
 * a clear refusal, its stack trace stays JSON of at most as many entries as it may have; a claim
 * that could not be read is remembered.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <hiredis/hiredis.h>

#include "common/queue/queue_internal.h"
#include "tests/fuzz/input.h"
#include "worker/job_data.h"

static void
check_job_data(const struct queue_job *job)
{
	struct job_data data, again;
	struct failure why;
	cJSON *object;
	char *text;

	if (!job_data_parse(job->name, job->data, &data, &why)) {
		fuzz_check_failure(&why);
		FUZZ_CHECK(why.category == FAILURE_VALIDATION_ERROR);
		return;
	}
	FUZZ_CHECK(data.deviation_id[0] != '\0' && data.user_id[0] != '\0');
	object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "deviationId", data.deviation_id);
	cJSON_AddStringToObject(object, "userId", data.user_id);
	if (data.mode != JOB_MODE_OF_ROW)
		cJSON_AddStringToObject(object, "uploadMode",
					data.mode == JOB_MODE_SINGLE ? "single" : "multiple");
	text = cJSON_PrintUnformatted(object);
	FUZZ_CHECK(text != NULL && job_data_parse(JOB_NAME, text, &again, &why));
	FUZZ_CHECK(fuzz_same(data.deviation_id, again.deviation_id));
	FUZZ_CHECK(fuzz_same(data.user_id, again.user_id) && data.mode == again.mode);
	free(text);
	cJSON_Delete(object);
}

static void
check_keep(const struct queue_keep *keep)
{
	FUZZ_CHECK(keep->count >= -1 && keep->limit >= 1);
	FUZZ_CHECK(keep->age_s == -1 || keep->age_s >= 0);
}

static void
check_stack_trace(const struct queue_job *job)
{
	char *json = queue_options_stacktrace(job, "it \"failed\"\n", "");
	cJSON *entries;

	FUZZ_CHECK(json != NULL);
	entries = cJSON_ParseWithOpts(json, NULL, 1);
	FUZZ_CHECK(cJSON_IsArray(entries));
	FUZZ_CHECK(job->options->stack_limit < 0 ||
		   cJSON_GetArraySize(entries) <= job->options->stack_limit);
	cJSON_Delete(entries);
	free(json);
}

static void
check_job(const struct queue_job *job)
{
	FUZZ_CHECK(job->id != NULL && job->name != NULL && job->data != NULL);
	FUZZ_CHECK(job->max_attempts >= 1 && job->attempts_made >= 0);
	FUZZ_CHECK(job->attempts_started >= 0 && job->delay_ms >= 0 && job->timestamp_ms >= 0);
	FUZZ_CHECK(job->priority >= 0 && job->priority <= 2097151);
	FUZZ_CHECK(job->backoff.delay_ms >= 0 && job->backoff.delay_ms <= 1000000000000LL);
	FUZZ_CHECK(job->backoff.jitter >= 0 && job->backoff.jitter <= 1);
	FUZZ_CHECK(job->options->keep_logs >= 0 && job->options->stack_limit >= -1);
	check_keep(&job->options->complete);
	check_keep(&job->options->fail);
	check_stack_trace(job);
	check_job_data(job);
}

static void
check_claim(const struct redisReply *reply)
{
	struct queue queue = {.lock_duration_ms = 30000, .default_attempts = 7};
	struct queue_claim claim = {0};
	struct failure why;

	if (!queue_claim_decode(&queue, reply, 1000, &claim, &why)) {
		fuzz_check_failure(&why);
		FUZZ_CHECK(claim.job == NULL && queue.unsure);
		return;
	}
	FUZZ_CHECK((claim.state == QUEUE_CLAIM_JOB) == (claim.job != NULL));
	FUZZ_CHECK(claim.now_ms >= 0 && claim.next_due_ms >= 0 && claim.wait_ms >= 0);
	if (claim.job != NULL) {
		FUZZ_CHECK(claim.job->lease_end_mono_ms == 31000);
		check_job(claim.job);
	}
	queue_job_free(claim.job);
}

/* hiredis 0.14 makes room for as many elements as an array's line tells, before one has come. */
static bool
tells_large_array(const char *wire, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		size_t digits = 0;

		while (wire[i] == '*' && i + 1 + digits < size && wire[i + 1 + digits] >= '0' &&
		       wire[i + 1 + digits] <= '9')
			digits++;
		if (digits > 4)
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	redisReader *reader = redisReaderCreate();
	size_t wire_size;
	char *wire = fuzz_crlf((const char *)data, size, &wire_size);
	void *reply = NULL;

	FUZZ_CHECK(reader != NULL);
	if (!tells_large_array(wire, wire_size)) {
		(void)redisReaderFeed(reader, wire, wire_size);
		if (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL)
			check_claim(reply);
	}
	if (reply != NULL)
		freeReplyObject(reply);
	redisReaderFree(reader);
	free(wire);
	return 0;
}

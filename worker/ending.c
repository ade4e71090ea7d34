/*
 * ending.c - tells the queue what became of a job, until it has heard.   [worker]
 */
#include "worker/ending.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/redis.h"
#include "worker/chance.h"
#include "worker/orders.h"
#include "worker/shortage.h"

#define CONNECT_MS     4000
#define PAUSE_FIRST_MS 50
#define PAUSE_MOST_MS  1000

static bool
tell_once(struct tools *tools, const struct queue_job *job, const struct job_end *end,
	  const struct queue_next *next, struct queue_end *told, struct failure *why)
{
	const char *token = tools->child->token;

	switch (end->kind) {
	case JOB_END_COMPLETE:
		return queue_complete(tools->queue, job, token, end->return_value, next, told, why);
	case JOB_END_FAIL:
		return queue_fail(tools->queue, job, token, end->reason, "", next, told, why);
	case JOB_END_RETRY:
		return queue_retry(tools->queue, job, token, end->delay_ms, end->reason, "", next,
				   told, why);
	case JOB_END_DEFER:
		return queue_defer(tools->queue, job, token, end->delay_ms, next, told, why);
	case JOB_END_PUT_BACK:
	case JOB_END_LEAVE: /* is told to nobody */
	default:
		return queue_put_back(tools->queue, job, token, told, why);
	}
}

/* {"deviationId", "userId"}; NULL: out of memory. */
static char *
cleanup_data(const struct job_end *end)
{
	cJSON *data = cJSON_CreateObject();
	char *json = NULL;

	if (cJSON_AddStringToObject(data, "deviationId", end->deviation_id) != NULL &&
	    cJSON_AddStringToObject(data, "userId", end->user_id) != NULL)
		json = cJSON_PrintUnformatted(data);
	cJSON_Delete(data);
	return json;
}

/* Sent in front of the finish on the same connection, so that it is there first; repeated with it,
 * its id makes it one. False: it is sent with the next try. */
static bool
add_cleanup(struct tools *tools, const struct job_end *end, struct failure *why)
{
	char *json = cleanup_data(end), id[300];
	bool sent = false;

	snprintf(id, sizeof(id), "storage-cleanup-%s", end->deviation_id);
	if (json == NULL) {
		failure_set(why, FAILURE_AWAY, "out of memory for the clean-up job");
	} else {
		const struct queue_add job = {
			.id = id,
			.name = "cleanup",
			.data = json,
			.attempts = 5,
			.backoff_json = "{\"type\":\"exponential\",\"delay\":5000}",
			.remove_on_complete_json = "{\"age\":86400,\"count\":1000}",
			.remove_on_fail_json = "{\"age\":604800,\"count\":1000}",
		};

		sent = queue_add_unwatched(tools->cleanup_queue, &job, why);
	}
	cJSON_free(json);
	if (sent || why->category == FAILURE_AWAY)
		return sent;
	log_failure(LOG_WARN, "The clean-up job could not be added", why, NULL);
	return true; /* it never can */
}

bool
ending_tell(struct tools *tools, const struct queue_job *job, const struct job_end *end,
	    const struct queue_next *next, struct queue_end *told)
{
	int64_t pause_ms = PAUSE_FIRST_MS;
	struct failure why;

	for (;;) {
		*told = (struct queue_end){.state = QUEUE_END_LOST};
		if (redis_connect(tools->redis, CONNECT_MS, &why) &&
		    (!end->add_cleanup || add_cleanup(tools, end, &why)) &&
		    tell_once(tools, job, end, next, told, &why))
			return true;
		log_failure(LOG_WARN,
			    "Redis could not be told the end of the job; it is told again", &why,
			    NULL);
		orders_read(tools->orders);
		if (shortage_is_for_good(tools))
			return false;
		if (tools->orders->stop &&
		    clock_mono_ms() - tools->orders->stop_since_ms > PAUSE_MOST_MS)
			return false;
		orders_wait(tools->orders, chance_around(pause_ms));
		pause_ms = pause_ms * 2 < PAUSE_MOST_MS ? pause_ms * 2 : PAUSE_MOST_MS;
	}
}

/*
 * pause.c - the commands pause and resume.                             [commands]
 */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_memory.h"
#include "common/queue/queue.h"
#include "worker/hands/hands.h"
#include "worker/hands/output.h"
#include "worker/hands/servers.h"

static int64_t
ready_jobs(const struct queue_counts *counts)
{
	return counts->waiting + counts->paused + counts->prioritized;
}

static void
say(const struct config *config, bool paused, bool changed, const struct queue_counts *counts)
{
	printf("queue %s:%s: ", config->queue_prefix, config->queue_name);
	if (!changed)
		printf("%s; nothing was changed",
		       paused ? "it is paused already" : "it is not paused");
	else if (paused)
		printf("paused: nothing more is taken until \"isekai-publisher resume\"");
	else
		printf("open again");
	if (paused)
		printf("; %" PRId64 " in hand are finished, %" PRId64 " wait\n", counts->active,
		       ready_jobs(counts));
	else
		printf("; %" PRId64 " wait to be taken\n", ready_jobs(counts));
}

static int
say_json(bool paused, bool changed, const struct queue_counts *counts)
{
	unsigned denied = json_memory_denied();
	cJSON *object = cJSON_CreateObject();

	cJSON_AddBoolToObject(object, "paused", paused);
	cJSON_AddBoolToObject(object, "changed", changed);
	cJSON_AddNumberToObject(object, "active", (double)counts->active);
	cJSON_AddNumberToObject(object, "waiting", (double)ready_jobs(counts));
	return output_json(object, denied, EXIT_SUCCESS);
}

/* What waits is counted while nobody can take any of it. */
static bool
set_and_count(struct queue *queue, bool paused, bool *changed, struct queue_counts *counts,
	      struct failure *why)
{
	if (paused)
		return queue_set_paused(queue, true, changed, why) &&
		       queue_count(queue, counts, why);
	return queue_count(queue, counts, why) && queue_set_paused(queue, false, changed, why);
}

int
pause_command(const struct config *config, bool paused, bool json)
{
	struct servers servers;
	struct queue_counts counts = {.active = 0};
	struct failure why;
	bool changed;
	int exit_status = servers_open(&servers, config, SERVERS_REDIS);

	if (exit_status == EXIT_SUCCESS &&
	    !set_and_count(servers.queue, paused, &changed, &counts, &why))
		exit_status = servers_redis_failed(&why);
	else if (exit_status == EXIT_SUCCESS && json)
		exit_status = say_json(paused, changed, &counts);
	else if (exit_status == EXIT_SUCCESS)
		say(config, paused, changed, &counts);
	servers_close(&servers);
	return exit_status;
}
